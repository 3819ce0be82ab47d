"""Resolves identity: hashes handles under a key, keeps links between handles, and groups linked handles to customers."""
