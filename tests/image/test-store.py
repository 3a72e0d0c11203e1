#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Forms of images, what the store remembers, and what it does when several want the same or die."""

import contextlib
import fcntl
import gzip
import json
import os
import signal
import subprocess
import sys

import harness
import ociimage
from harness import names, same, snapshot, tool
from ociimage import Image, Layer, Tar, sha256, write_tar

trees = harness.neighbour("test-ext4")
MAKE_IMAGE = os.path.join(os.path.dirname(ociimage.__file__), "make-image")


def small(text="x", tag="test:latest", **config):
    tar = Tar()
    tar.text("file", text)
    return Image([tar.bytes()], tag, **config)


def content(got):
    with open(got.rootfs + "/file", encoding="ascii") as file:
        return file.read()


def progress(got):
    return got.all("progress")


def test_all_forms_are_one_image(work):
    image = small("same")
    image.write_docker_archive(work / "da")
    image.write_oci(work / "oci")
    image.write_oci_archive(work / "oa")
    subprocess.run(["gzip", "-k", work / "da"], check=True)
    references = ["docker-archive:" + work / "da", "oci:" + work / "oci",
                  "oci-archive:" + work / "oa", "docker-archive:" + work / "da.gz",
                  "docker-archive:" + work / "da:test:latest", "oci:" + work / "oci:latest",
                  "docker-archive:" + work / "da:test"]
    got = [work.get(x) for x in references]
    assert {x.id for x in got} == {image.id}
    assert progress(got[0]) == ["unpacking layer 1 of 1"]
    assert progress(got.pop(3)) == ["decompressing the archive"]
    assert not any(progress(x) for x in got[1:])
    assert work.images() == [image.id[7:]]
    with open(os.path.join(work.store, "images", image.id[7:], "config.json"), "rb") as file:
        assert file.read() == image.config_bytes


def test_configuration(work):
    image = small(Entrypoint=["/init", "a b"], Cmd=["--x", ""], Env=["A=1", "B=\u00e9=2", "C"],
                  User="1:2", WorkingDir="/w", StopSignal="SIGRTMIN+3")
    image.write_oci(work / "i")
    got = work.get("oci:" + work / "i")
    assert got.all("entrypoint") == ["/init", "a b"] and got.all("cmd") == ["--x", ""]
    assert got.all("env") == ["A=1", "B=\u00e9=2", "C"]
    assert (got.user, got.workdir, got.signal) == ("1:2", "/w", "37")
    assert got.platform == "linux/" + ociimage.ARCH


def test_configuration_that_says_nothing(work):
    for config in [None, {}, {"Cmd": None, "Env": None, "User": None, "StopSignal": ""}]:
        image = small(str(config))
        image.config["config"] = config
        image.write_oci(work / "i")
        got = work.get("oci:" + work / "i")
        assert got.all("cmd") == [] and got.user == "" and got.signal == "15"
        harness.remove(work / "i")


def test_command_as_a_string(work):
    image = small(Cmd="run this", Entrypoint="/sh")
    image.write_oci(work / "i")
    got = work.get("oci:" + work / "i")
    assert got.all("cmd") == ["run this"] and got.all("entrypoint") == ["/sh"]


def test_several_images_in_one_archive(work):
    a, b = small("a", "repo/a:1").finish(), small("b", "localhost:5000/b:2").finish()
    files, manifest = {}, []
    for image in [a, b]:
        files[image.id[7:] + ".json"] = image.config_bytes
        files[image.layers[0].diff_id[7:] + ".tar"] = image.layers[0].tar
        manifest.append({"Config": image.id[7:] + ".json", "RepoTags": [image.tag],
                         "Layers": [image.layers[0].diff_id[7:] + ".tar"]})
    write_tar(work / "x", {**files, "manifest.json": json.dumps(manifest).encode()})
    archive = "docker-archive:" + work / "x"
    assert content(work.get(archive + ":repo/a:1")) == "a"
    assert content(work.get(archive + ":docker.io/repo/a:1")) == "a"
    assert content(work.get(archive + ":localhost:5000/b:2")) == "b"
    work.refused(archive, "2 images", ":REPO:TAG")
    work.refused(archive + ":repo/a:2", "'repo/a:2'")


def test_older_docker_archive_with_links(work):
    """Docker before 25: ID/layer.tar, and a link to another for the same layer again."""
    image = small("old").finish()
    tar = Tar()
    tar.dir("one")
    tar.add("one/layer.tar", data=image.layers[0].tar)
    tar.add("one/VERSION", data=b"1.0")
    tar.dir("two")
    tar.symlink("two/layer.tar", "../one/layer.tar")
    tar.hardlink("three.tar", "./one/layer.tar")
    image.config["rootfs"]["diff_ids"] *= 3
    config = json.dumps(image.config).encode()
    name = sha256(config)[7:] + ".json"
    tar.add("./" + name, data=config)
    tar.add("manifest.json", data=json.dumps(
        [{"Config": name, "RepoTags": None,
          "Layers": ["one/layer.tar", "two/layer.tar", "three.tar"]}]).encode())
    with open(work / "x", "wb") as file:
        file.write(tar.bytes())
    got = work.get("docker-archive:" + work / "x")
    assert content(got) == "old" and got.id == sha256(config)


def test_newer_docker_archive(work):
    """Docker since 25: an OCI layout with a manifest.json, layers maybe compressed."""
    image = small("new").finish()
    files = image.files()
    blob = "blobs/sha256/"
    files["manifest.json"] = json.dumps(
        [{"Config": blob + image.id[7:], "RepoTags": ["x:y"],
          "Layers": [blob + image.layers[0].digest[7:]]}]).encode()
    write_tar(work / "x", files)
    assert work.get("docker-archive:" + work / "x").id == image.id
    assert work.get("oci-archive:" + work / "x").id == image.id


def oci_index(path, entries, blobs):
    """Replaces the index of a layout; @blobs: more of them."""
    with open(path + "/index.json", "w", encoding="ascii") as file:
        json.dump({"schemaVersion": 2, "manifests": entries}, file)
    for data in blobs:
        with open(path + "/blobs/sha256/" + sha256(data)[7:], "wb") as file:
            file.write(data)


def entry(data, tag=None, arch=None, kind="manifest"):
    made = {"mediaType": ociimage.OCI + kind + ".v1+json", "digest": sha256(data),
            "size": len(data)}
    if tag:
        made["annotations"] = {"org.opencontainers.image.ref.name": tag}
    if arch:
        made["platform"] = {"os": "linux", "architecture": arch}
    return made


def test_several_architectures_and_tags(work):
    path = work / "i"
    mine, other = small("mine").finish(), small("other").finish()
    mine.write_oci(path)
    other.write_oci(path)
    m, o = (json.dumps(x.manifest).encode() for x in (mine, other))
    index = json.dumps({"schemaVersion": 2, "manifests": [
        entry(o, arch="s390x"), entry(m, arch=ociimage.ARCH), entry(o, arch=ociimage.ARCH)]})
    index = index.encode()
    oci_index(path, [entry(index, "multi", kind="index"), entry(o, "single")], [m, o, index])
    assert content(work.get(f"oci:{path}:multi")) == "mine"
    assert content(work.get(f"oci:{path}:single")) == "other"
    work.refused("oci:" + path, "2 images", ":TAG")
    work.refused(f"oci:{path}:none", "'none'")
    oci_index(path, [entry(o, "x", arch="s390x")], [])
    work.refused(f"oci:{path}:x", "linux/" + ociimage.ARCH)


def test_names_with_colons(work):
    path = work / "with:colon"
    small("c").write_oci(path)
    assert content(work.get("oci:" + path)) == "c"
    assert content(work.get(f"oci:{path}:latest")) == "c"


def test_dir(work):
    os.mkdir(work / "root")
    os.symlink("root", work / "link")
    got = work.get("dir:" + work / "link")
    assert got.id == "" and got.rootfs == os.path.realpath(work / "root")
    assert not os.path.exists(work.store)
    work.refused("dir:/etc/passwd", "not a folder")


@contextlib.contextmanager
def old_file(work, image):
    """A docker-archive whose last change was long ago: on a file system made with such a date."""
    tool("debugfs")
    os.mkdir(work / "disk")
    image.write_docker_archive(work / "disk/x")
    for command in [["mke2fs", "-q", "-t", "ext4", "-d", work / "disk", work / "fs", "8m"],
                    ["debugfs", "-w", "-R", "set_inode_field x ctime 20200101000000", work / "fs"],
                    ["mount", "-o", "loop", work / "fs", work / "disk"]]:
        subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield work / "disk/x"
    finally:
        subprocess.run(["umount", work / "disk"], check=True)


def reads_of(work, path, command):
    tool("strace")
    # A leak sanitizer would trace, too, and nobody can be traced twice.
    subprocess.run(["strace", "-f", "-y", "-o", work / "trace", *command], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    with open(work / "trace", encoding="utf-8", errors="replace") as file:
        return [x for x in file if "read" in x.split("(")[0] and f"<{path}>" in x]


def test_known_archive_is_not_read_again(work):
    with old_file(work, small()) as archive:
        reference = "docker-archive:" + archive
        work.get(reference)
        assert len(os.listdir(work.store + "/index")) == 1
        assert reads_of(work, archive, work.command(reference)) == []
        # Changed in place, with the times set back: the change of status shows it.
        st = os.stat(archive)
        small("y").write_docker_archive(archive)
        os.utime(archive, ns=(st.st_atime_ns, st.st_mtime_ns))
        assert os.stat(archive).st_size == st.st_size
        assert content(work.get(reference)) == "y"


def test_fresh_archive_is_read_again(work):
    """Another change within the same tick of the clock would leave no trace."""
    small().write_docker_archive(work / "x")
    reference = "docker-archive:" + work / "x"
    work.get(reference)
    assert os.listdir(work.store + "/index") == []
    assert reads_of(work, os.path.realpath(work / "x"), work.command(reference)) != []


def test_image_removed_from_the_store_comes_back(work):
    small().write_docker_archive(work / "x")
    first = work.get("docker-archive:" + work / "x")
    harness.remove(work.store + "/images/" + first.id[7:])
    again = work.get("docker-archive:" + work / "x")
    assert progress(again) and content(again) == "x"


def test_damaged_memory_is_forgotten(work):
    small().write_docker_archive(work / "x")
    work.get("docker-archive:" + work / "x")
    for folder in ["index", "refs"]:
        for name in os.listdir(os.path.join(work.store, folder)):
            with open(os.path.join(work.store, folder, name), "w", encoding="ascii") as file:
                file.write("garbage")
    assert content(work.get("docker-archive:" + work / "x")) == "x"


def test_nobody_else_gets_into_the_store(work):
    small().write_oci(work / "i")
    work.get("oci:" + work / "i", umask=0)
    for folder in os.listdir(work.store):
        mode = os.stat(os.path.join(work.store, folder)).st_mode & 0o077
        assert mode == 0, (folder, oct(mode))


def slow_image(files=1000):
    """Takes a while to unpack, most of it in its second layer."""
    tar = Tar()
    for i in range(files):
        tar.text(f"file{i}", "x" * 100)
    first = Tar()
    first.dir("./")
    first.text("file", "slow")
    return Image([first.bytes(), Layer(tar.bytes(), None)])


def start(work, *options):
    return subprocess.Popen(work.command("oci:" + work / "i", *options), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def second_layer(process):
    """Waits until it says that it is at its second layer."""
    for line in process.stdout:
        if "layer 2" in line:
            return
    raise AssertionError(process.stderr.read())


def test_many_at_once_unpack_once(work):
    slow_image().write_oci(work / "i")
    running = [start(work) for _ in range(8)]
    output = [x.communicate() for x in running]
    assert [x.returncode for x in running] == [0] * 8, output
    assert sum("layer 2" in out for out, _ in output) == 1
    assert work.leftovers() == [] and len(work.images()) == 1


BOTH = ["config.json", "rootfs", "rootfs.ext4", "rootfs.ext4.sums", "rootfs.sums"]


def test_disks(work):
    """The other form of an image: the same bytes as a build, made once, whole or not at all."""
    slow_image().write_oci(work / "i")
    reference = "oci:" + work / "i"
    running = [start(work, "--disk") for _ in range(4)]
    output = [x.communicate() for x in running]
    assert [x.returncode for x in running] == [0] * 4, output
    assert sum("layer 2" in out for out, _ in output) == 1
    got = work.get(reference, "--disk")
    folder = os.path.join(work.store, "images", got.id[7:])
    assert got.rootfs == folder + "/rootfs.ext4"
    assert sorted(os.listdir(folder)) == ["config.json", "rootfs.ext4", "rootfs.ext4.sums"]
    subprocess.run([harness.PROGRAM, "--build", work / "built", reference], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmp", work / "built", got.rootfs], check=True)
    work.refused("dir:" + work.path, "not kept as a disk", options=["--disk"])
    # Each form when it is wanted first, and the one beside the other.
    assert progress(work.get(reference)) and content(work.get(reference)) == "slow"
    assert not progress(work.get(reference, "--disk")) and not progress(work.get(reference))
    assert sorted(os.listdir(folder)) == BOTH
    os.unlink(folder + "/rootfs.ext4")
    process = start(work, "--disk")
    second_layer(process)
    process.kill()
    process.communicate()
    assert sorted(os.listdir(folder)) == [x for x in BOTH if x != "rootfs.ext4"]
    assert len(work.leftovers()) == 1
    work.get(reference, "--disk")
    subprocess.run(["cmp", work / "built", got.rootfs], check=True)
    assert work.leftovers() == []


def test_one_form_out_of_the_other(work):
    """What the store has need not be fetched or read once more, nor be there any more."""
    image = Image([trees.RandomTree(7).tar.bytes()], "test:latest")
    with old_file(work, image) as archive:
        reference = "docker-archive:" + archive
        folder = work.get(reference).rootfs
        want = snapshot(folder)
        assert reads_of(work, archive, work.command(reference, "--disk")) == []
        disk = work.get(reference, "--disk")
        assert not progress(disk)
        same(snapshot(work.mount(disk.rootfs)), want)
        harness.remove(folder)
        assert progress(work.get(reference)) == ["unpacking the image's disk"]
        same(snapshot(folder), want)
        os.truncate(disk.rootfs, 5000)
        said = progress(work.get(reference, "--disk"))
        assert len(said) == 2 and said[1] == "making a disk of the image's folder", said
        same(snapshot(work.mount(disk.rootfs)), want)
        assert sorted(os.listdir(os.path.dirname(folder))) == BOTH
        # Nothing is made of what is cut: the archive is there.
        harness.remove(folder)
        os.truncate(disk.rootfs, 5000)
        assert progress(work.get(reference)) == ["unpacking layer 1 of 1"]
        same(snapshot(folder), want)
    assert work.leftovers() == []


def test_disk_that_was_cut(work):
    """Noticed at once, whatever its length, and made again; whoever has it open keeps it."""
    small().write_oci(work / "i")
    reference = "oci:" + work / "i"
    got = work.get(reference, "--disk")
    assert progress(got) == ["unpacking layer 1 of 1"]
    with open(got.rootfs, "rb") as file:
        whole = file.read()
        for size in [0, 1024, 2000, len(whole) // 2, len(whole) - 1, len(whole) + 1]:
            os.truncate(got.rootfs, size)
            said = progress(work.get(reference, "--disk"))
            assert "rootfs.ext4 was cut by somebody" in said[0] and len(said) == 2, said
            assert not progress(work.get(reference, "--disk"))
            with open(got.rootfs, "rb") as again:
                assert again.read() == whole
    assert work.leftovers() == []


def test_killed_in_the_middle(work):
    slow_image().write_oci(work / "i")
    process = start(work)
    second_layer(process)
    process.kill()
    process.communicate()
    assert len(work.leftovers()) == 1 and work.images() == []
    got = work.get("oci:" + work / "i")
    assert content(got) == "slow" and len(names(got.rootfs)) == 1001
    assert work.leftovers() == []


def test_killed_at_any_moment(work):
    """Whatever the moment, the next one gets a whole image."""
    tool("strace")
    slow_image(100).write_oci(work / "i")
    reference = "oci:" + work / "i"
    want = snapshot(work.get(reference).rootfs)
    for call, when in [("mkdirat", 1), ("mkdirat", 6), ("openat", 60), ("pwrite64", 50),
                       ("fchown", 99), ("utimensat", 70), ("syncfs", 1), ("renameat", 1),
                       ("flock", 2)]:
        harness.remove(work.store)
        run = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "trace=" + call,
                              "-e", f"inject={call}:signal=KILL:when={when}", *work.command(reference)],
                             check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert run.returncode in (-9, 137), (call, run.returncode)
        same(snapshot(work.get(reference).rootfs), want)
        assert work.leftovers() == []


def test_disk_killed_at_any_moment(work):
    """As a folder: checksums, and the second form beside the first, too."""
    tool("strace")
    slow_image(100).write_oci(work / "i")
    small("other").write_oci(work / "other")
    reference = "oci:" + work / "i"
    with open(work.get(reference, "--disk").rootfs, "rb") as file:
        want = file.read()
    for call, when in [("mkdirat", 5), ("pwritev", 1), ("fdatasync", 1), ("pread64", 3),
                       ("syncfs", 1), ("renameat", 1), ("renameat", 2), ("renameat", 3),
                       ("fsync", 1), ("fsync", 2)]:
        for beside in [False, True]:
            harness.remove(work.store)
            if beside:
                work.get(reference)
            run = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call,
                                  "-e", f"inject={call}:signal=KILL:when={when}",
                                  *work.command(reference, "--disk")],
                                 check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert run.returncode in (-9, 137) or call in ("renameat", "fsync", "mkdirat"), (
                call, when, beside, run.returncode)
            with open(work.get(reference, "--disk").rootfs, "rb") as file:
                assert file.read() == want
            assert content(work.get(reference)) == "slow"
            # Who was killed after his rename left an empty folder, for the next one who makes something.
            work.get("oci:" + work / "other")
            assert work.leftovers() == []


def test_disk_is_full_at_any_write(work):
    """Of each form, from nothing up to what it takes: a sentence, nothing half-made, and then it goes."""
    slow_image(300).write_oci(work / "i")
    reference = "oci:" + work / "i"
    for options in [[], ["--disk"]]:
        done = False
        for pages in [20, 40, 80, 160, 240, 300, 310, 320, 330, 400, 640, 2000]:
            os.makedirs(work.store, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={4 * pages}k", "none", work.store],
                           check=True)
            try:
                got = work.run(reference, *options)
                if got.status == 0:
                    done = True
                else:
                    assert "not enough space left" in got.error, got.error
                    assert len(got.error.splitlines()) == 1 and not done, got.error
                    assert work.images() == [] and work.leftovers() == []
                    subprocess.run(["mount", "-o", "remount,size=20m", work.store], check=True)
                    work.get(reference, *options)
            finally:
                subprocess.run(["umount", work.store], check=True)
        assert done


def test_interrupted(work):
    slow_image().write_oci(work / "i")
    process = start(work)
    second_layer(process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 1 and "interrupted" in error, error
    assert work.leftovers() == [] and work.images() == []


def processor_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return sum(int(x) for x in file.read().rsplit(")", 1)[1].split()[11:13])


def ends_soon(work, reference):
    """After a signal, when it is in the midst of reading what would take minutes."""
    process = subprocess.Popen(work.command(reference), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    while processor_ticks(process.pid) < 20:
        assert process.poll() is None, process.communicate()
    start = processor_ticks(process.pid)
    process.send_signal(signal.SIGTERM)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    took = processor_ticks(process.pid) - start
    _, error = process.communicate()
    assert process.returncode == 1 and "interrupted" in error, error
    assert took < 50, took
    assert not os.path.isdir(work.store + "/tmp") or work.leftovers() == []


def test_interrupted_while_an_archive_is_decompressed(work):
    with open(work / "x", "wb") as file:
        file.write(gzip.compress(bytes(64 << 20)) * 200)
    ends_soon(work, "docker-archive:" + work / "x")


def test_interrupted_while_nothing_comes_out(work):
    """Of gzip members without content, and of what stands behind the compressed data."""
    for blob, size in [(gzip.compress(b"") * 3000000, 60000000), (gzip.compress(b""), 4 << 40)]:
        image = small().finish()
        image.manifest["layers"][0]["size"] = size
        harness.remove(work / "i")
        image.write_oci(work / "i")
        path = work / "i/blobs/sha256/" + image.layers[0].digest[7:]
        with open(path, "wb") as file:
            file.write(blob)
            file.truncate(size)
        ends_soon(work, "oci:" + work / "i")


def test_interrupted_while_waiting(work):
    """Stopped in the middle, one makes another wait for its lock."""
    slow_image().write_oci(work / "i")
    first = start(work)
    second_layer(first)
    first.send_signal(signal.SIGSTOP)
    second = start(work)
    wait_for_lock(second)
    second.send_signal(signal.SIGTERM)
    _, error = second.communicate()
    assert second.returncode == 1 and "interrupted" in error, error
    first.send_signal(signal.SIGCONT)
    first.communicate()
    assert first.returncode == 0 and work.leftovers() == []


def wait_for_lock(process):
    """Of the store: fcntl(F_OFD_SETLKW)."""
    harness.wait_for(process, ("72", "25"), "0x26")


@contextlib.contextmanager
def open_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def test_image_in_use_is_locked(work):
    slow_image().write_oci(work / "i")
    process = start(work, "--hold")
    for line in process.stdout:
        if line.startswith("platform"):
            break
    folder = os.path.join(work.store, "images", work.images()[0])
    taken = subprocess.run(["flock", "-n", folder, "true"], check=False).returncode
    process.communicate()
    free = subprocess.run(["flock", "-n", folder, "true"], check=False).returncode
    assert (taken, free) == (1, 0)


def test_image_removed_while_it_is_locked(work):
    """Whoever has opened its folder, and waits for the lock of who removes it, makes it again."""
    small().write_oci(work / "i")
    folder = os.path.dirname(work.get("oci:" + work / "i").rootfs)
    with open_folder(folder) as fd:
        fcntl.flock(fd, fcntl.LOCK_EX)
        process = start(work)
        harness.wait_for_flock(process)
        os.rename(folder, work / "removed")
    output, error = process.communicate()
    assert process.returncode == 0, error
    assert "progress unpacking layer 1 of 1" in output, output
    assert os.listdir(folder + "/rootfs") == ["file"]


def test_leftovers_of_the_living_are_spared(work):
    slow_image().write_oci(work / "i")
    first = start(work)
    second_layer(first)
    first.send_signal(signal.SIGSTOP)
    small("other").write_oci(work / "other")
    work.get("oci:" + work / "other")
    assert len(work.leftovers()) == 1
    first.send_signal(signal.SIGCONT)
    first.communicate()
    assert first.returncode == 0 and len(work.images()) == 2


@contextlib.contextmanager
def overlay(work, files):
    """Somebody else's, of two layers and what was changed. Yields where it is mounted."""
    for name in ["a", "b", "upper", "work", "merged"]:
        os.makedirs(work / name)
    for i in range(files):
        with open(work / f"a/file{i}", "w", encoding="ascii") as file:
            file.write("x" * 100)
    for name in ["b/file", "upper/changed"]:
        with open(work / name, "w", encoding="ascii") as file:
            file.write(name)
    options = ",".join([f"lowerdir={work / 'b'}:{work / 'a'}", f"upperdir={work / 'upper'}",
                        f"workdir={work / 'work'}"])
    subprocess.run(["mount", "-t", "overlay", "-o", options, "none", work / "merged"], check=True)
    try:
        yield work / "merged"
    finally:
        subprocess.run(["umount", work / "merged"], check=True)


@contextlib.contextmanager
def all_locks(work):
    """As if somebody were about to make whatever there is to make."""
    with open(work.store + "/lock", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def test_overlay_is_built_once(work):
    """By those who all begin when it is not there."""
    small("other").write_oci(work / "i")
    work.get("oci:" + work / "i")
    with overlay(work, 300) as merged:
        command = work.command("dir:" + merged, "--disk")
        with all_locks(work):
            running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True) for _ in range(6)]
            for process in running:
                wait_for_lock(process)
        output = [x.communicate() for x in running]
        assert [x.returncode for x in running] == [0] * 6, output
        said = [x for out, _ in output for x in out.splitlines()]
        assert len([x for x in said if x.startswith("progress")]) == 1, said
        disks = {x for x in said if x.startswith("rootfs ")}
        assert len(disks) == 1 and len({x for x in said if x.startswith("id ")}) == 1, said
        assert len(work.images()) == 2 and work.leftovers() == []
        disk = disks.pop()[len("rootfs "):]
        harness.check_ext4(disk)
        assert names(work.mount(disk)) == sorted(["file", *(f"file{i}" for i in range(300))])
        assert not progress(work.get("dir:" + merged, "--disk"))


def test_made_images(work):
    for kind in ["busybox", "glibc"]:
        for form in ["docker-archive", "oci", "oci-archive"]:
            subprocess.run([sys.executable, MAKE_IMAGE, kind, f"{form}:{work / kind}-{form}"],
                           check=True)
            got = work.get(f"{form}:{work / kind}-{form}")
            run = subprocess.run(["chroot", got.rootfs, "/bin/echo", "hello"], check=True,
                                 stdout=subprocess.PIPE)
            assert run.stdout == b"hello\n"
    assert len(work.images()) == 2
    subprocess.run([sys.executable, MAKE_IMAGE, "busybox", "docker-archive:" + work / "again"],
                   check=True)
    with open(work / "again", "rb") as a, open(work / "busybox-docker-archive", "rb") as b:
        assert a.read() == b.read()


def test_images_of_other_tools(work):
    """umoci and skopeo write what this reads."""
    tool("umoci")
    tool("skopeo")
    for command in [["umoci", "init", "--layout", "u"], ["umoci", "new", "--image", "u:t"],
                    ["umoci", "unpack", "--image", "u:t", "b"], ["mkdir", "b/rootfs/d"],
                    ["cp", "/bin/true", "b/rootfs/d/one"], ["cp", "/bin/true", "b/rootfs/d/two"],
                    ["umoci", "repack", "--image", "u:t", "b"], ["rm", "b/rootfs/d/one"],
                    ["ln", "b/rootfs/d/two", "b/rootfs/three"],
                    ["umoci", "repack", "--image", "u:t2", "b"],
                    ["skopeo", "--insecure-policy", "copy", "oci:u:t2", "docker-archive:da:x/y:z"],
                    ["skopeo", "--insecure-policy", "copy", "oci:u:t2", "oci-archive:oa:t3"]]:
        subprocess.run(command, cwd=work.path, check=True, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)
    first = work.get("oci:" + work / "u:t2")
    assert names(first.rootfs) == ["d", "d/two", "three"]
    assert os.path.samefile(first.rootfs + "/d/two", first.rootfs + "/three")
    for reference in ["docker-archive:" + work / "da:x/y:z", "oci-archive:" + work / "oa:t3"]:
        assert names(work.get(reference).rootfs) == ["d", "d/two", "three"]


harness.run()
