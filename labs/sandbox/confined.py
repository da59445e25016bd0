"""Keep this process, and all that it starts, to a few folders: with Landlock, which asks for no rights at all.

Source: the Linux kernel's userspace-api/landlock. Elsewhere, and before Linux 5.13, nothing is confined.
"""

import contextlib
import ctypes
import os
import stat
import sys
from collections.abc import Iterable

# What a shell and Python need of a machine, and nothing that tells of other processes or holds a secret.
SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/sys"),
    *(
        "/etc/alternatives",
        "/etc/group",
        "/etc/hosts",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
    ),
    *(
        "/etc/localtime",
        "/etc/nsswitch.conf",
        "/etc/os-release",
        "/etc/passwd",
        "/etc/profile",
        "/etc/profile.d",
    ),
    *("/etc/resolv.conf", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/terminfo"),
    *(
        "/etc/alpine-release",
        "/etc/arch-release",
        "/etc/debian_version",
        "/etc/fedora-release",
        "/etc/lsb-release",
    ),
    *("/etc/redhat-release", "/etc/system-release", "/etc/SuSE-release", "/etc/hostname", "/etc/timezone"),
    *("/etc/protocols", "/etc/services", "/etc/shells"),
    *("/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/sys"),
    *("/proc/uptime", "/proc/version"),
)
DEVICES = ("full", "null", "ptmx", "pts", "random", "tty", "urandom", "zero")

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every processor
_EXECUTE, _WRITE, _READ, _LIST, _TRUNCATE, _FIRST_15 = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14, (1 << 15) - 1
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE
_BEFORE = {1: 1 << 13 | 1 << 14, 2: 1 << 14}  # what the first two versions did not know yet
_NO_NEW_PRIVILEGES = 38


def confine(writable: Iterable[str]) -> bool:
    """Leave only the system to read, and those folders to write, for good. False: this kernel cannot."""
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None, use_errno=True)
    version = library.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return False
    known = _FIRST_15 & ~_BEFORE.get(version, 0)
    # Files; connections, which stay free; and signals and abstract sockets, which do not reach outside.
    asked = (ctypes.c_uint64 * 3)(known, 0, 0b11)
    size = ctypes.c_size_t(8 if version < 6 else 24)
    ruleset = library.syscall(_CREATE_RULESET, asked, size, ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        for path in (*SYSTEM, sys.prefix, sys.base_prefix):
            _allow(library, ruleset, path, _EXECUTE | _READ | _LIST)
        for name in DEVICES:
            _allow(library, ruleset, f"/dev/{name}", (_READ | _WRITE | _LIST | _TRUNCATE) & known)
        for path in writable:
            _allow(library, ruleset, path, known)
        done = library.prctl(_NO_NEW_PRIVILEGES, *(ctypes.c_ulong(each) for each in (1, 0, 0, 0)))
        return bool(
            done == 0 and library.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0
        )
    finally:
        os.close(ruleset)


def _allow(library: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    with contextlib.suppress(OSError):  # what this machine does not have
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(opened).st_mode):
                access &= _OF_FILES
            rule = access.to_bytes(8, sys.byteorder) + opened.to_bytes(4, sys.byteorder)
            library.syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
        finally:
            os.close(opened)
