"""Holds the statements that erase a customer, and the suppression list that keeps their handles out."""
