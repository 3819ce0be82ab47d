"""Defines the base class of errors that a user can fix."""

__all__ = ["UserError"]


class UserError(Exception):
    """An error that a user can fix: the command line prints the message in one line and exits with 2.

    Parameters
    ----------
    message
        What is wrong and what to do, in one line.
    topic, partition, offset
        Where in Kafka or in a log it is, where it is at one place.
    reason
        A stable code for it, where there is one.

    Attributes
    ----------
    was_told
        That it was printed already.
    """

    was_told = False

    def __init__(
        self,
        message: str = "",
        *,
        topic: str | None = None,
        partition: int | None = None,
        offset: int | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.topic, self.partition, self.offset, self.reason = topic, partition, offset, reason
