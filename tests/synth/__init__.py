"""Synthetic Go programs: executables and core files of any Go release, written byte by byte. See README.md."""
