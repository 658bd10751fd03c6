#!/usr/bin/env python3
"""Fetches the engines that engines.lock names into the user's cache.

usage: engines.py LOCKFILE ENGINES_DIR

An engine whose stamp equals its lines in the lock is left alone, without any network. Another is
downloaded by its package manager's own client, checked against its SHA-256, unpacked beside its
place, stamped, and renamed into it. The caller (scripts/setup) holds the lock on ENGINES_DIR.
"""
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
WHEEL_TAGS = ["--python-version", "3.11", "--implementation", "cp",
              "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64",
              "--platform", "manylinux1_x86_64"]


class SetupError(Exception):
    """What went wrong, and at which step, in words for the user."""


class Engine:
    def __init__(self, name, version):
        self.name, self.version = name, version
        self.lines = []      # as in the lock: what the stamp says
        self.archives = []   # (kind, package, bytes, sha256, [(member, as)])
        self.texts = []      # (as, text)

    def folder(self):
        return f"{self.name}-{self.version}"

    def stamp(self):
        return "\n".join(self.lines) + "\n"


def read_lock(path):
    engines = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            words = line.split()
            try:
                if words[0] == "engine":
                    engines.append(Engine(words[1], words[2]))
                elif words[0] == "archive":
                    kind, package, size, digest = words[1:]
                    engines[-1].archives.append((kind, package, int(size), digest, []))
                elif words[0] == "member":
                    engines[-1].archives[-1][4].append((words[1], words[2]))
                elif words[0] == "text":
                    engines[-1].texts.append((words[1], line.split(None, 2)[2]))
                else:
                    raise ValueError
            except (ValueError, IndexError):
                raise SetupError(f"{path}:{number}: cannot be read: {line}") from None
            engines[-1].lines.append(line)
    return engines


def is_ready(engine, root):
    try:
        with open(os.path.join(root, engine.folder(), "stamp"), encoding="utf-8") as file:
            return file.read() == engine.stamp()
    except OSError:
        return False


# ---- talking -----------------------------------------------------------------------------------

def say(text):
    print(f"tripoint: {text}", file=sys.stderr, flush=True)


def size_words(count):
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


class Progress:
    """On a terminal, shows how much of `total` bytes has arrived under `folder`."""

    def __init__(self, label, folder, total):
        self.label, self.folder, self.total = label, folder, total
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._show) if sys.stderr.isatty() else None

    def _show(self):
        while not self.done.wait(0.2):
            here = 0
            for where, _, names in os.walk(self.folder):
                for name in names:
                    try:
                        here += os.stat(os.path.join(where, name)).st_size
                    except OSError:
                        pass
            here = min(here, self.total)
            sys.stderr.write(f"\r\x1b[K  {self.label}: {size_words(here)} of {size_words(self.total)}")
            sys.stderr.flush()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def __enter__(self):
        if self.thread:
            self.thread.start()

    def __exit__(self, *unused):
        self.done.set()
        if self.thread:
            self.thread.join()


def run_step(step, advice, command, **options):
    """Runs a command quietly; when it fails, says which step that was and shows its last lines."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if done.returncode:
        tail = [line for line in done.stdout.splitlines() if line.strip()][-6:]
        raise SetupError(f"{step} failed (`{' '.join(command[:5])} …`, exit {done.returncode}):\n"
                         + "".join(f"    {line}\n" for line in tail) + f"  {advice}")
    return done.stdout


# ---- the package managers ------------------------------------------------------------------------

def pip_command():
    for python in ("python3", "/usr/bin/python3"):
        try:
            if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
                return [python, "-m", "pip"]
        except OSError:
            pass
    raise SetupError("python3 has no pip module: install Debian's package python3-pip")


def fetch_pypi(package, folder):
    run_step(f"downloading the Python package {package}",
             "Check that `pip download` works on this machine (network, proxy, pip's own "
             "configuration), then run the same command again.",
             pip_command() + ["download", "--quiet", "--disable-pip-version-check",
                              "--retries", "2", "--no-deps", "--only-binary=:all:",
                              *WHEEL_TAGS, "--dest", folder, package],
             env={**os.environ, "TMPDIR": folder})


def debian_mirror():
    """The mirror that this machine's apt already uses for Debian 12, read from apt itself."""
    listing = run_step("asking apt for its mirror", "Check `apt-get update --print-uris`.",
                       ["apt-get", "update", "--print-uris"])
    match = re.search(r"^'(\S+?)/?dists/(?:bookworm|stable|oldstable)/(?:In)?Release", listing, re.M)
    if not match:
        raise SetupError("apt's sources on this machine name no Debian 12 (bookworm) mirror, which "
                         "is where the Vulkan driver comes from.\n  Add one to apt's sources, then "
                         "run the same command again.")
    return match.group(1)


def fetch_debian(suite, package, folder):
    """apt-get download with sources and lists of its own: the machine's apt is left as it was."""
    apt = os.path.join(folder, "apt")
    os.makedirs(os.path.join(apt, "lists", "partial"))
    os.makedirs(os.path.join(apt, "archives", "partial"))
    with open(os.path.join(apt, "sources.list"), "w", encoding="utf-8") as file:
        file.write(f"deb [signed-by={KEYRING}] {debian_mirror()} {suite} main\n")
    options = ["-qq", "-o", f"Dir::State={apt}", "-o", f"Dir::Cache={apt}",
               "-o", f"Dir::Etc::SourceList={apt}/sources.list", "-o", "Dir::Etc::SourceParts=-",
               "-o", "Dir::Etc::Preferences=-", "-o", "Dir::Etc::PreferencesParts=-",
               "-o", "APT::Sandbox::User=", "-o", "APT::Update::Error-Mode=any",
               "-o", "Acquire::Retries=2"]
    advice = ("Check that `apt-get update` works on this machine (network, proxy), then run the "
              "same command again.")
    run_step(f"reading the package list of Debian's {suite} (for {package})", advice,
             ["apt-get", "update", *options])
    run_step(f"downloading Debian's package {package}", advice,
             ["apt-get", "download", *options, package], cwd=folder)


def download(archive, folder):
    """Fetches one archive into an empty folder; returns its path, its hash checked."""
    kind, package, size, digest, _ = archive
    os.makedirs(folder)
    started = time.monotonic()
    with Progress(package, folder, size):
        if kind == "pypi":
            fetch_pypi(package, folder)
        else:
            fetch_debian(kind.partition("/")[2], package, folder)
    found = [name for name in os.listdir(folder) if name.endswith((".whl", ".deb"))]
    if len(found) != 1:
        raise SetupError(f"{package}: one archive was expected, these came: {found}")
    path = os.path.join(folder, found[0])
    with open(path, "rb") as file:
        got = hashlib.sha256(file.read()).hexdigest()
    if got != digest:
        raise SetupError(f"{found[0]} is not the archive that engines.lock names: its SHA-256 is\n"
                         f"    {got}, expected\n    {digest}\n  Nothing was installed from it. Is a "
                         "mirror or proxy between this machine and the registry?")
    say(f"  {package}, {size_words(size)}, {time.monotonic() - started:.1f} s, SHA-256 as locked")
    return path


# ---- unpacking ------------------------------------------------------------------------------------

class Archive:
    """The files of a wheel or a .deb, by their plain paths."""

    def __init__(self, path):
        if path.endswith(".whl"):
            self.zip = zipfile.ZipFile(path)
            self.names = [name for name in self.zip.namelist() if not name.endswith("/")]
        else:
            tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True,
                                 stdout=subprocess.PIPE).stdout
            self.zip = None
            self.files = {}
            self.tar = tarfile.open(fileobj=io.BytesIO(tar))
            for entry in self.tar.getmembers():
                if entry.isfile():
                    self.files[entry.name.removeprefix("./")] = entry
            self.names = list(self.files)

    def read(self, name):
        return self.zip.open(name) if self.zip else self.tar.extractfile(self.files[name])


def copy_member(archive, member, wanted_as, folder, package):
    if member.endswith("/"):
        pairs = [(name, wanted_as + name[len(member):])
                 for name in archive.names if name.startswith(member)]
    else:
        pairs = [(member, wanted_as)] if member in archive.names else []
    if not pairs:
        raise SetupError(f"{package} has no {member}: engines.lock and the archive disagree")
    for name, target in pairs:
        path = os.path.join(folder, target)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.read(name) as source, open(path, "wb") as file:
            shutil.copyfileobj(source, file)


def install(engine, root):
    aside = tempfile.mkdtemp(prefix=f".{engine.folder()}.", dir=root)
    try:
        new = os.path.join(aside, "new")
        os.mkdir(new)
        for index, archive in enumerate(engine.archives):
            path = download(archive, os.path.join(aside, str(index)))
            files = Archive(path)
            for member, wanted_as in archive[4]:
                copy_member(files, member, wanted_as, new, archive[1])
        for name, text in engine.texts:
            with open(os.path.join(new, name), "w", encoding="utf-8") as file:
                file.write(text + "\n")
        with open(os.path.join(new, "stamp"), "w", encoding="utf-8") as file:
            file.write(engine.stamp())
        place = os.path.join(root, engine.folder())
        if os.path.lexists(place):
            os.rename(place, os.path.join(aside, "old"))
        os.rename(new, place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove_leftovers(root):
    """Half-unpacked folders of a setup that was killed; the caller's lock says nobody uses them."""
    for name in os.listdir(root):
        if name.startswith(".") and os.path.isdir(os.path.join(root, name)):
            shutil.rmtree(os.path.join(root, name), ignore_errors=True)


def main(lock, root):
    missing = [engine for engine in read_lock(lock) if not is_ready(engine, root)]
    if not missing:
        return 0
    if os.uname().machine != "x86_64":
        raise SetupError(f"the engines in engines.lock are for x86_64; this is {os.uname().machine}")
    remove_leftovers(root)
    total = sum(archive[2] for engine in missing for archive in engine.archives)
    say(f"engines to download into {root}: "
        + ", ".join(f"{engine.name} {engine.version}" for engine in missing)
        + f" ({size_words(total)}, once)")
    for engine in missing:
        install(engine, root)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except SetupError as error:
        say(str(error))
        say("what is complete is kept; with TRIPOINT_NO_SETUP=1 Tripoint runs without what is missing")
        sys.exit(1)
    except OSError as error:
        say(f"{error.strerror}: {error.filename}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted; what was complete is kept")
        sys.exit(130)
