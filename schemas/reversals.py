"""Lists which event type takes back which.

The default model gives each the weights of what it reverses, with the sign turned: with the time, rating and sentiment of
what is taken back, every score is as if nothing had happened.
"""

__all__ = ["REVERSED"]

REVERSED = {
    "community.answer": "community.withdrawn_answer",
    "community.join": "community.leave",
    "community.post": "community.withdrawn_post",
    "social.comment": "social.uncomment",
    "social.follow": "social.unfollow",
    "social.impression": "social.unimpression",
    "social.like": "social.unlike",
    "social.review": "social.unreview",
    "social.share": "social.unshare",
    "social.user_content": "social.withdrawn_content",
    "store.check_in": "store.undo_check_in",
}
