"""The Modality Worklist without network or disk: what to ask, what an answer says, which step fits an acquisition."""
