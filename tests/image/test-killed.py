#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`caisson image` pull, prune and build, killed at any moment: whole or nothing, and the next one works.

The moments are random, within what an undisturbed one takes. Nothing depends on where they fall.
"""

import contextlib
import filecmp
import os
import random
import subprocess
import time

import harness
from harness import small_disk
from ociimage import Image, Layer, Tar
from registry import push, registry

CAISSON = os.environ.get("CAISSON", "caisson")
KILLS = 40


def environment(work):
    config = work / "caisson.conf"
    with open(config, "a", encoding="ascii"):
        os.chmod(config, 0o644)
    return {**os.environ, "CAISSON_ROOT": work.store, "CAISSON_RUN": work / "run",
            "CAISSON_CONFIG": config}


def done(work, *words):
    run = subprocess.run([CAISSON, "image", *words], check=False, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(work))
    assert run.returncode == 0, (words, run.returncode, os.fsdecode(run.stderr))
    return os.fsdecode(run.stdout).strip()


def killed(work, patience, *words):
    """Return: whether it was, rather than having ended before."""
    process = subprocess.Popen([CAISSON, "image", *words], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env=environment(work))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(random.uniform(0, patience))
    process.kill()
    error = process.communicate()[1]
    assert process.returncode in (0, -9), os.fsdecode(error)
    return process.returncode == -9


def duration(work, *words):
    start = time.monotonic()
    done(work, *words)
    return time.monotonic() - start


def in_store(work, folder):
    return sorted(os.listdir(os.path.join(work.store, folder)))


def empty(work):
    """What anybody has left is gone after one that clears up."""
    done(work, "prune", "-a")
    for folder in ["images", "refs", "tmp"]:
        assert in_store(work, folder) == [], (folder, in_store(work, folder))


def made(text, files=300):
    first, second = Tar(), Tar()
    for i in range(files):
        first.text(f"file{i}", text * 100)
    second.text("upper", text)
    return Image([Layer(first.bytes(), "gzip"), Layer(second.bytes(), None)], Cmd=["sh"])


def test_pull(work):
    with registry(work) as host, small_disk(work, 100):
        image = made("one")
        push(work, host, image, "x:latest")
        words = ["pull", f"{host}/x:latest"]
        patience, n = duration(work, *words), 0
        for _ in range(KILLS):
            empty(work)
            n += killed(work, patience, *words)
            assert in_store(work, "images") in ([], [image.id[7:]])
            done(work, "verify", "-q")
            assert done(work, *words).splitlines()[-1] == image.id
            done(work, "verify", "-q")
            assert len(in_store(work, "refs")) == 1
        assert n > 0
        empty(work)


def test_prune(work):
    images = [made(x) for x in "abc"]
    for i, image in enumerate(images):
        image.write_oci(work / str(i))
    sources = ["oci:" + work / str(i) for i in range(len(images))]
    ids = {x.id[7:] for x in images}
    with small_disk(work, 100):
        done(work, "import", *sources)
        patience, n = duration(work, "prune", "-a"), 0
        for _ in range(KILLS):
            done(work, "import", *sources)
            n += killed(work, patience, "prune", "-a")
            assert set(in_store(work, "images")) <= ids
            done(work, "verify", "-q")
            # One that is there still, or is not any more.
            done(work, "import", random.choice(sources))
            done(work, "verify", "-q")
            empty(work)
        assert n > 0


def test_build(work):
    """Of a new file, and of one in an older one's place."""
    made("one").write_oci(work / "i")
    with small_disk(work, 100):
        out, golden, old = os.path.join(work.store, "made"), work / "golden", work / "old"
        words = ["build", "-o", out, "oci:" + work / "i"]
        patience, n = duration(work, *words), 0
        subprocess.run(["cp", "--sparse=always", out, golden], check=True)
        with open(old, "w", encoding="ascii") as file:
            file.write("old")
        for i in range(KILLS):
            os.unlink(out)
            if i % 2:
                subprocess.run(["cp", old, out], check=True)
            n += killed(work, patience, *words)
            # As one that was killed between giving a name and taking the old one's place.
            with open(os.path.join(work.store, ".made.1.0"), "w", encoding="ascii"):
                pass
            assert os.path.exists(out) or not i % 2
            if os.path.exists(out) and not (i % 2 and filecmp.cmp(out, old, shallow=False)):
                assert filecmp.cmp(out, golden, shallow=False)
            done(work, *words)
            assert filecmp.cmp(out, golden, shallow=False)
            assert os.listdir(work.store) == ["made"]
        assert n > 0


def test_build_of_what_is_fetched(work):
    """What was fetched lies beside the output meanwhile."""
    with registry(work) as host:
        push(work, host, made("one"), "x:latest")
        folder = work / "out"
        os.mkdir(folder)
        words = ["build", "-o", folder + "/made", f"{host}/x:latest"]
        patience, n = duration(work, *words), 0
        for _ in range(KILLS // 4):
            n += killed(work, patience, *words)
        done(work, *words)
        assert os.listdir(folder) == ["made"]
        assert n > 0


harness.run()
