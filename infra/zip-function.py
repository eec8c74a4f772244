#!/usr/bin/env python3
"""Packs a function's binary as Lambda wants it: a zip with one executable file, `bootstrap`.

  zip-function.py [--level 0-9] <binary> <zip>

The same binary gives the same bytes, so that the CDK deploys what changed and nothing else.
"""
import argparse
import os
import pathlib
import zipfile

# The earliest time a zip can hold: when it was packed is nobody's business.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
UNIX = 3
EXECUTABLE = 0o100755


def pack(binary, archive, level):
    entry = zipfile.ZipInfo("bootstrap", TIMESTAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = UNIX
    entry.external_attr = EXECUTABLE << 16
    # Written aside and renamed: a reader sees the old archive or the new one, never half of it.
    unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
    with zipfile.ZipFile(unfinished, "w") as file:
        file.writestr(entry, binary.read_bytes(), compresslevel=level)
    unfinished.rename(archive)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", type=int, default=9, help="how hard to compress, 9 by default")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("zip", type=pathlib.Path)
    options = parser.parse_args()
    pack(options.binary, options.zip, options.level)
