"""What module_facts.facts() runs in a process of its own: walk a module's folder, read its files, say the facts."""

from __future__ import annotations

import json
import os
import posixpath
import re
import stat
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from commands.engines import bounded
from commands.engines.module_sources import hcl, hcl_json, hcl_text
from commands.engines.module_sources.hcl import Block, Call, Opaque, Place, Read
from commands.engines.module_sources.module_facts import empty

MOST_BYTES_OF_A_FILE = 256 * 1024
MOST_BYTES = 1024 * 1024  # of all that is parsed: python-hcl2 reads about 100 KB a second
MOST_ENTRIES = 20_000
_MEMORY_BYTES = 1024**3
_CPU_SECONDS = 30

# Ours, put beside the module's files when they are staged: terraform_module.OVERRIDE.
_OURS = "~innkeeper_override.tf.json"
_TERRAFORM = ("*.tf", "*.tofu", "*.tf.json", "*.tofu.json")
# What Terraform or its `init` loads without being asked to, or takes its settings from.
_SPECIAL = (
    ("override", ("override.tf*", "override.tofu*", "*_override.tf", "*_override.tofu")),
    ("override", ("*_override.tf.json", "*_override.tofu.json")),
    ("values", ("*.tfvars", "*.tfvars.json")),
    ("state", ("*.tfstate", "*.tfstate.*", ".*.tfstate.lock.info")),
    ("settings", (".terraformrc", "terraform.rc", ".tofurc", "tofu.rc", "*.tfrc")),
    (
        "tests",
        ("*.hcl", "*.tftest.json", "*.tfmock.json", "*.tofutest.json", "*.tfquery.json", "*.tfstack.json"),
    ),
)
_LOCK = ".terraform.lock.hcl"
_KNOWN = {
    *("terraform", "provider", "resource", "data", "ephemeral", "module", "variable", "output", "locals"),
    *("moved", "import", "removed", "check"),
}
_OFFICIAL = re.compile(r"^registry\.(?:terraform\.io|opentofu\.org)/")
_BUILTIN = "terraform.io/builtin/terraform"
_NO_PATHS = "path.module is not known here"  # in a template, whose variables are all that there is
_NOT_ENTERED = (".git", ".terraform", "terraform.tfstate.d", "__pycache__")


def main() -> None:
    """Read the request, say the facts in one line."""
    bounded.limit(_CPU_SECONDS, _MEMORY_BYTES)
    request = json.loads(bounded.request())
    print(json.dumps(read(Path(request["module"]), Path(request["root"]))), flush=True)


def read(module: Path, root: Path) -> dict[str, list[Any]]:
    """The facts of the module's sources, in this process. Both paths are resolved; root holds module."""
    reading = Reading(root, module)
    try:
        reading.folder(module)
    except OSError as error:
        reading.add("problems", "", 0, problem=f"a file cannot be read: {error.strerror}")
    return reading.facts


class Reading:
    """Facts as they are found. root is what nothing may lead out of, planned the module in which Terraform runs."""

    def __init__(self, root: Path, planned: Path) -> None:
        self.facts: dict[str, list[Any]] = empty()
        self._root = root
        self._start = planned.relative_to(root).as_posix()
        self._read = 0  # bytes
        self._entries = 0
        self._folders: set[Path] = set()
        self._functions: set[str] = set()
        self._blocks: dict[str, list[tuple[str, Block]]] = {}  # folder → file and block, as one module
        self._templates: set[tuple[Path, frozenset[tuple[str, str]]]] = set()

    def add(self, kind: str, file: str, line: int, /, **fact: Any) -> None:
        """Note a fact."""
        self.facts[kind].append({**fact, "file": file, "line": line})

    def folder(self, module: Path) -> None:
        """Read all that is below a module's folder, and the local modules that it calls."""
        if not module.is_relative_to(self._root) or module in self._folders:
            return
        for path in self._files(module):
            if any(fnmatchcase(path.name, pattern) for pattern in _TERRAFORM):
                self._file(path)
        for folder in list(self._blocks):
            self._module(folder, self._blocks.pop(folder))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _files(self, folder: Path) -> Iterator[Path]:
        """Every file below a folder that is to be read, in a fixed order; the others are noted."""
        self._folders.add(folder)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            self._entries += 1
            if self._entries > MOST_ENTRIES:
                if self._entries == MOST_ENTRIES + 1:
                    self.add("problems", "", 0, problem=f"there are more than {MOST_ENTRIES} files")
                return
            path = Path(entry.path)
            if entry.name.encode(errors="replace") != os.fsencode(entry.name) or re.search(
                r"[\x00-\x1f]", entry.name
            ):
                self.add("problems", "", 0, problem="a file has a name that is not plain text")
            elif entry.is_symlink():
                inside = path.resolve().is_relative_to(self._root)
                self.add("links", self._name(path), 0, target=os.readlink(path)[:200], inside=inside)
            elif entry.is_dir():
                if entry.name in (".terraform", "terraform.tfstate.d"):
                    self.add("special", self._name(path), 0, kind="state")
                if entry.name not in _NOT_ENTERED and path not in self._folders:
                    yield from self._files(path)
            elif not entry.is_file():
                self.add("problems", self._name(path), 0, problem="it is neither a file nor a folder")
            elif not (entry.name == _OURS and folder == self._root):
                for kind, patterns in _SPECIAL:
                    if entry.name != _LOCK and any(fnmatchcase(entry.name, each) for each in patterns):
                        self.add("special", self._name(path), 0, kind=kind)
                yield path

    def _text(self, path: Path) -> str | None:
        """What is in a file; None with a problem where it is too much or no UTF-8."""
        name = self._name(path)
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError
                content = file.read(MOST_BYTES_OF_A_FILE + 1)
        except OSError:
            self.add("problems", name, 0, problem="it cannot be read")
            return None
        self._read += len(content)
        if len(content) > MOST_BYTES_OF_A_FILE:
            self.add("problems", name, 0, problem=f"it is larger than {MOST_BYTES_OF_A_FILE // 1024} KB")
            return None
        if self._read > MOST_BYTES:
            self.add(
                "problems", name, 0, problem=f"there are more than {MOST_BYTES // 1024} KB of Terraform files"
            )
            return None
        try:
            return content.decode()
        except UnicodeDecodeError:
            self.add("problems", name, 0, problem="it is not UTF-8")
            return None

    def _file(self, path: Path) -> None:
        name = self._name(path)
        self.facts["files"].append(name)
        text = self._text(path)
        if text is None:
            return
        read = hcl_json.read(text) if name.endswith(".json") else hcl.read(text)
        self._said(path, read, {})
        self._blocks.setdefault(posixpath.dirname(name), []).extend((name, block) for block in read.blocks)

    def _said(self, path: Path, read: Read, bindings: Mapping[str, str]) -> None:
        """Problems and calls of a file. bindings: folders that a template's variables stand for."""
        for problem in read.problems:
            self.add("problems", self._name(path), problem.line, problem=problem.sentence)
        for call in read.calls:
            function = (
                call.function.rpartition("::")[2] if call.function.startswith("core::") else call.function
            )
            if function not in self._functions:
                self._functions.add(function)
                self.add("functions", self._name(path), call.line, name=function)
            if function in hcl_text.READING:
                self._reads(path, function, call, bindings)

    def _reads(self, path: Path, function: str, call: Call, bindings: Mapping[str, str]) -> None:
        module = posixpath.dirname(self._name(path))
        found = self._resolved(call.places[0], module, bindings) if call.places else None
        inside = found is not None and function != "templatestring"
        if function == "fileset":  # its pattern is relative to its folder
            pattern = call.places[1] if len(call.places) == 2 else None
            inside &= pattern is not None and pattern.base == "" and ".." not in pattern.rest
            inside &= pattern is not None and not pattern.rest.startswith(("/", "~"))
        if function == "templatefile" and inside:
            inside = found is not None and call.bindings is not None and self._template(found, module, call)
        self.add("reads", self._name(path), call.line, function=function, call=call.text, inside=inside)

    def _template(self, found: str, module: str, call: Call) -> bool:
        """Read what templatefile() is given, as it may read files in its turn. False: there is no telling."""
        path = self._root / found
        given = {name: self._resolved(place, module, {}) for name, place in (call.bindings or {}).items()}
        bindings = {name: folder for name, folder in given.items() if folder is not None}
        key = (path, frozenset(bindings.items()))
        if key in self._templates:
            return True
        self._templates.add(key)
        if not path.is_file() or path.resolve() != path:
            return False
        text = self._text(path)
        if text is None:
            return False
        read = hcl.read_template(text)
        # Where a `for` is, a name need not be what templatefile() was given.
        self._said(path, read, {_NO_PATHS: ""} if read.loops else {_NO_PATHS: "", **bindings})
        return True

    def _module(self, folder: str, blocks: list[tuple[str, Block]]) -> None:
        """One folder's blocks, which belong together."""
        required = self._required(blocks)
        for file, block in blocks:
            self._block(file, block)
            self._provider(file, block, required)
            if block.type == "module":
                self._call(folder, file, block)

    def _required(self, blocks: list[tuple[str, Block]]) -> dict[str, str]:
        """The providers that are named, by their local names: where each comes from."""
        required = {}
        for file, outer in blocks:
            for block in outer.blocks if outer.type == "terraform" else ():
                for name, value in block.attributes.items() if block.type == "required_providers" else ():
                    source, version = _required_provider(name, value)
                    required[name] = source
                    self.add("providers", file, block.line, name=name, source=source, version=version)
        return required

    def _provider(self, file: str, block: Block, required: Mapping[str, str]) -> None:
        """The provider of a block that names none in required_providers: Terraform fetches it all the same."""
        for each in (block, *block.inner()):
            if each.type == "provider" and len(each.labels) == 1:
                name = each.labels[0]
            elif each.type in ("resource", "data", "ephemeral") and len(each.labels) == 2:
                given = each.attributes.get("provider", "")
                given = given.text if isinstance(given, Opaque) else str(given)
                match = re.match(r"[^\w-]*([\w-]+)", given) if given else None
                name = match[1] if match else each.labels[0].partition("_")[0]
            else:
                continue
            if name not in required:
                source = _BUILTIN if name == "terraform" else f"hashicorp/{name}"
                fact = {"name": name, "source": source, "version": "", "file": file, "line": each.line}
                if not any(
                    known["source"] == source and known["file"] == file for known in self.facts["providers"]
                ):
                    self.facts["providers"].append(fact)

    def _block(self, file: str, block: Block) -> None:
        label = ".".join(block.labels) or block.type
        if block.type not in _KNOWN:
            self.add("blocks", file, block.line, type=block.type)
        if block.type == "terraform":
            inner = [(each.type, each.line) for each in block.blocks]
            for name, line in dict([*((name, block.line) for name in block.attributes), *inner]).items():
                self.add("settings", file, line, name=name)
        if block.type == "provider":
            arguments = sorted({*block.attributes, *(each.type for each in block.blocks)})
            region = _region(block.attributes.get("region"))
            self.add("provider_blocks", file, block.line, name=label, arguments=arguments, region=region)
        if block.type == "import":
            self.add("imports", file, block.line, to=_written(block.attributes.get("to")))
        if block.type == "variable":
            self.add("variables", file, block.line, name=label)
        for each in (block, *block.inner()):
            if each.type in ("resource", "data", "ephemeral") and len(each.labels) == 2:
                kind = "resources" if each.type == "resource" else each.type
                self.add(kind, file, each.line, type=each.labels[0], name=each.labels[1])
            elif each.type == "provisioner":
                self.add("provisioners", file, each.line, kind=".".join(each.labels), of=label)
            elif each.type == "connection":
                self.add("connections", file, each.line, of=label)

    def _call(self, folder: str, file: str, block: Block) -> None:
        source = block.attributes.get("source")
        target = self._resolved(Place("path.module", f"/{source}"), folder, {}) if _is_local(source) else None
        inside = target is not None and (self._root / target).is_dir()
        inside = inside and (self._root / str(target)).resolve() == self._root / str(target)
        name = ".".join(block.labels)
        self.add("modules", file, block.line, name=name, source=_written(source), inside=inside)
        if inside:
            self.folder(self._root / str(target))

    def _resolved(self, place: Place | None, module: str, bindings: Mapping[str, str]) -> str | None:
        """The path relative to the root, with slashes and without dots; None where it is not written out or leads out.

        A path that begins with nothing is relative to where Terraform runs, whichever module it stands in.
        """
        if place is None or not re.fullmatch(r"[\w./ +@,=-]*", place.rest, re.ASCII):
            return None
        if place.base == "path.module" and _NO_PATHS in bindings:
            return None
        starts = {"": self._start, "path.root": self._start, "path.cwd": self._start, "path.module": module}
        start = {**starts, **bindings}.get(place.base)
        # "/etc/passwd"; or "${path.module}x", which is a folder beside the module
        if start is None or (place.rest and (place.base == "") == place.rest.startswith("/")):
            return None
        found = posixpath.normpath(posixpath.join(start, place.rest.lstrip("/")))
        hidden = any(part.startswith((".terraform", ".git")) for part in found.split("/"))
        return None if hidden or found.startswith(("..", "/")) else found


def _is_local(source: Any) -> bool:
    return (
        isinstance(source, str)
        and source.startswith(("./", "../"))
        and "//" not in source
        and "?" not in source
    )


def _region(value: Any) -> str:
    """As it is written: a region, `var.NAME`, nothing, or `?` for whatever else."""
    if isinstance(value, Opaque):
        match = re.fullmatch(r"\$\{(var\.[\w-]+)\}", value.text)
        return match[1] if match else "?"
    return "" if value is None else str(value)


def _required_provider(name: str, value: Any) -> tuple[str, str]:
    if isinstance(value, str):
        return f"hashicorp/{name}", value
    given = value if isinstance(value, dict) else {"source": Opaque("?")}
    source = given.get("source", name)
    source = _OFFICIAL.sub("", source.lower()) if isinstance(source, str) else "?"
    return (source if "/" in source else f"hashicorp/{source}"), _written(given.get("version", ""))


def _written(value: Any) -> str:
    return value.text if isinstance(value, Opaque) else "" if value is None else str(value)[:200]
