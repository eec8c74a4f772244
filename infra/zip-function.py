#!/usr/bin/env python3
"""Packs a function's binary as Lambda wants it: a zip with an executable file `bootstrap`, and files beside it.

  zip-function.py [--level 0-9] [--with <folder>] [--machine <name>] [--glibc <version>] [--without <text>] <binary> [<zip>]

Without a zip, the binary is only looked at.
The same input gives the same bytes, so that the CDK deploys what changed and nothing else.
Prints the zip's SHA-256 and its size. A binary that Lambda could not run is refused, and nothing is written.
"""
import argparse
import hashlib
import os
import pathlib
import re
import sys
import zipfile

# The earliest time a zip can hold: when it was packed is nobody's business.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
UNIX = 3
EXECUTABLE = 0o100755
READABLE = 0o100644

# `e_machine` of an ELF file, by the name that Lambda gives the architecture.
MACHINES = {"x86_64": 62, "arm64": 183}
MACHINE_AT = slice(18, 20)


def pack(binary, folders, archive, level):
    # Written aside and renamed: a reader sees the old archive or the new one, never half of it.
    unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
    with zipfile.ZipFile(unfinished, "w") as file:
        file.writestr(entry("bootstrap", EXECUTABLE), binary, compresslevel=level)
        for name, content in sorted(files_of(folders)):
            file.writestr(entry(name, READABLE), content, compresslevel=level)
    unfinished.rename(archive)


def entry(name, mode):
    made = zipfile.ZipInfo(name, TIMESTAMP)
    made.compress_type = zipfile.ZIP_DEFLATED
    made.create_system = UNIX
    made.external_attr = mode << 16
    return made


def files_of(folders):
    for folder in folders:
        for path in folder.iterdir():
            yield f"{folder.name}/{path.name}", path.read_bytes()


def objections(name, binary, options):
    """What speaks against a binary, each a sentence that says what to do."""
    if options.machine:
        machine = int.from_bytes(binary[MACHINE_AT], "little")
        if not binary.startswith(b"\x7fELF") or machine != MACHINES[options.machine]:
            yield f"`{name}` is no program for Linux on {options.machine}: build it for that"
    if options.glibc and (newest := newest_glibc(binary)) > version(options.glibc):
        yield (
            f"`{name}` asks for glibc {newest[0]}.{newest[1]}, and Lambda has {options.glibc}: "
            f"install cargo-zigbuild, or build on a system with glibc {options.glibc} or older, such as Amazon Linux 2023"
        )
    for text in options.without:
        if text.encode() in binary:
            yield f"`{name}` names the folder `{text}` of this machine, so another machine would build other bytes: remap it"


def newest_glibc(binary):
    # The versions of the symbols that it links stand as text in its dynamic strings.
    found = re.findall(rb"\bGLIBC_(\d+\.\d+)", binary)
    return max((version(text.decode()) for text in found), default=(0, 0))


def version(text):
    major, minor = text.split(".")
    return int(major), int(minor)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", type=int, default=9, help="how hard to compress, 9 by default")
    parser.add_argument("--with", dest="folders", action="append", default=[], type=pathlib.Path,
                        help="a folder whose files are packed too, below its name")
    parser.add_argument("--machine", choices=MACHINES, help="refuse a binary for another architecture")
    parser.add_argument("--glibc", help="refuse a binary that asks for a newer one, such as 2.34")
    parser.add_argument("--without", action="append", default=[], help="refuse a binary that holds this text")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("zip", nargs="?", type=pathlib.Path)
    options = parser.parse_args()
    binary = options.binary.read_bytes()
    refused = list(objections(options.binary.name, binary, options))
    if refused:
        sys.exit("\n".join(refused))
    if options.zip is None:
        return
    pack(binary, options.folders, options.zip, options.level)
    packed = options.zip.read_bytes()
    print(f"{hashlib.sha256(packed).hexdigest()}  {len(packed):>10,}  {options.zip.name}")


if __name__ == "__main__":
    main()
