"""Records that wait for others which never came: after some days a person decides (failure mode 47)."""
