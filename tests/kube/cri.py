#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What CRI promises, asked of containerd directly: one case by its name, or all names.

cri.py CONTAINERD FOLDER RUNTIME [CASE]
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
import uuid

import grpc

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position # they are found there
from standin.cri.containerd import IMAGES, Containerd
from standin.inotify import Growing

IMAGE = "docker.io/library/busybox:latest"
CREATED, RUNNING, EXITED = range(3)
POD, CONTAINER, NODE = range(3)
SLEEP = ["sleep", "1000"]
PATIENCE = 60


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


def same(have, want, what):
    check(have == want, f"{what} is {have!r}, not {want!r}")


class Cri(Containerd):
    def __init__(self, address, folder, runtime):
        super().__init__(address, "/usr/bin/containerd")
        self.folder, self.runtime = folder, runtime

    @contextlib.contextmanager
    def pod(self, annotations=None, ports=None, **linux):
        name = uuid.uuid4().hex
        logs = os.path.join(self.folder, "logs", name)
        os.makedirs(logs)
        config = {"metadata": {"name": name, "namespace": "cri", "uid": name, "attempt": 0}, "log_directory": logs,
                  "hostname": name[:8], "labels": {"a": "label"}, "annotations": annotations or {"an": "annotation"},
                  "port_mappings": ports or [], "linux": linux}
        new = self.call("RunPodSandbox", config=config, runtime_handler=self.runtime).pod_sandbox_id
        try:
            yield Pod(self, new, config)
        finally:
            self.call("StopPodSandbox", pod_sandbox_id=new)
            self.call("RemovePodSandbox", pod_sandbox_id=new)

    def refused(self, name, code, part, **fields):
        try:
            self.call(name, **fields)
        except grpc.RpcError as error:
            check(error.code() == code and part in error.details(), f"{name}: {error.code()} {error.details()}")
            return
        sys.exit(f"failed: {name} was not refused, for: {part}")


class Pod:
    def __init__(self, cri, new, config):
        self.cri, self.id, self.config = cri, new, config

    def status(self):
        return self.cri.call("PodSandboxStatus", pod_sandbox_id=self.id).status

    def request(self, name="main", command=None, **fields):
        config = {"metadata": {"name": name, "attempt": 0}, "image": {"image": IMAGE}, "command": command or SLEEP,
                  "log_path": name + ".log", **fields}
        return {"pod_sandbox_id": self.id, "config": config, "sandbox_config": self.config}

    def create(self, name="main", command=None, **fields):
        return self.cri.call("CreateContainer", **self.request(name, command, **fields)).container_id

    def start(self, name="main", command=None, **fields):
        new = self.create(name, command, **fields)
        self.cri.call("StartContainer", container_id=new)
        return new

    def log_path(self, name="main"):
        return os.path.join(self.config["log_directory"], name + ".log")

    def log(self, name="main"):
        with open(self.log_path(name), encoding="utf-8") as file:
            return [line.rstrip("\n").split(" ", 3)[3] for line in file]

    def output(self, command, name="main", **fields):
        """Of one that ends by itself."""
        new = self.start(name, command, **fields)
        self.await_state(new, EXITED)
        return "\n".join(self.log(name))

    def await_log(self, holds):
        """Until so much has come to it that this is so."""
        deadline = time.monotonic() + PATIENCE
        with contextlib.closing(Growing(self.log_path())) as growing:
            while not holds():
                grew, _, _ = select.select([growing], [], [], max(0, deadline - time.monotonic()))
                check(grew, f"no more comes to the log than {self.log()}")
                growing.clear()

    def await_state(self, container, state):
        """CRI tells nobody when that changes."""
        deadline = time.monotonic() + PATIENCE
        while (status := self.cri.call("ContainerStatus", container_id=container).status).state != state:
            check(time.monotonic() < deadline, f"it does not get to state {state}")
            os.sched_yield()
        return status


def case_states(cri):
    with cri.pod() as pod:
        status = pod.status()
        same((status.state, dict(status.labels), dict(status.annotations)), (0, {"a": "label"}, {"an": "annotation"}), "the pod")
        new = pod.create(labels={"b": "label"}, annotations={"bn": "annotation"})
        status = cri.call("ContainerStatus", container_id=new).status
        same((status.state, status.started_at, dict(status.labels), dict(status.annotations)),
             (CREATED, 0, {"b": "label"}, {"bn": "annotation"}), "the container")
        cri.call("StartContainer", container_id=new)
        cri.refused("StartContainer", grpc.StatusCode.UNKNOWN, "state", container_id=new)
        status = cri.call("ContainerStatus", container_id=new).status
        check(status.state == RUNNING and status.created_at <= status.started_at, "it runs")
        found = cri.call("ListContainers", filter={"label_selector": {"b": "label"}}).containers
        same([each.id for each in found], [new], "those with that label")
        for _ in range(2):
            cri.stop(new, 1)
        status = cri.call("ContainerStatus", container_id=new).status
        check(status.state == EXITED and status.exit_code in (137, 143), f"it was stopped: {status}")
        for _ in range(2):
            cri.call("RemoveContainer", container_id=new)
        pod.start("running")
        for _ in range(2):
            cri.call("StopPodSandbox", pod_sandbox_id=pod.id)
        same(pod.status().state, 1, "the state of a pod that was stopped")
    cri.call("RemoveContainer", container_id="nonesuch")
    cri.call("RemovePodSandbox", pod_sandbox_id="nonesuch")
    cri.call("RemoveImage", IMAGES, image={"image": "nonesuch"})


def case_remove(cri):
    """Whatever state it is in."""
    with cri.pod() as pod:
        cri.call("RemoveContainer", container_id=pod.create("created"))
        cri.call("RemoveContainer", container_id=pod.start("running"))
        same(list(cri.call("ListContainers", filter={"pod_sandbox_id": pod.id}).containers), [], "containers")


def case_exec_sync(cri):
    with cri.pod() as pod:
        new = pod.start()
        done = cri.exec(new, ["sh", "-c", "echo out; echo err >&2; exit 5"], PATIENCE)
        same((done.stdout, done.stderr, done.exit_code), (b"out\n", b"err\n", 5), "what it said")
        same(cri.exec(new, ["sh", "-c", "nonesuch"], PATIENCE).exit_code, 127, "status")
        cri.refused("ExecSync", grpc.StatusCode.DEADLINE_EXCEEDED, "timeout 1s exceeded", container_id=new,
                    cmd=["sleep", "4321"], timeout=1)
        same(cri.exec(new, ["sh", "-c", "ps -o args | grep -c '[s]leep 4321'"], PATIENCE).stdout, b"0\n", "what is left of it")


def case_stats(cri):
    with cri.pod() as pod:
        one, two = pod.start("one", labels={"which": "one"}), pod.start("two", labels={"which": "two"})
        stats = cri.call("ContainerStats", container_id=one).stats
        check(stats.attributes.id == one and stats.memory.working_set_bytes.value > 0, f"stats: {stats}")
        check(stats.cpu.usage_core_nano_seconds.value > 0, f"stats: {stats}")
        found = cri.call("ListContainerStats", filter={"label_selector": {"which": "two"}}).stats
        same([each.attributes.id for each in found], [two], "those with that label")
        same({each.attributes.id for each in cri.call("ListContainerStats", filter={"pod_sandbox_id": pod.id}).stats},
             {one, two}, "all of the pod's")


def case_log(cri):
    with cri.pod() as pod:
        new = pod.start(command=["sh", "-c", "echo first; echo error >&2; while :; do test ! -e /now || echo again; sleep 0.1; done"])
        path = cri.call("ContainerStatus", container_id=new).status.log_path
        pod.await_log(lambda: len(pod.log()) >= 2)
        os.rename(path, path + ".old")
        cri.call("ReopenContainerLog", container_id=new)
        cri.exec(new, ["touch", "/now"], PATIENCE)
        pod.await_log(pod.log)
        check(set(pod.log()) == {"again"}, f"the new log: {pod.log()}")
        with open(path + ".old", encoding="utf-8") as file:
            check({line.split()[1] + " " + line.split()[3] for line in file} >= {"stdout first", "stderr error"}, "the old log")


def seccomp(kind, path=""):
    return {"security_context": {"seccomp": {"profile_type": kind, "localhost_ref": path}}}


def case_seccomp(cri):
    profile = os.path.join(cri.folder, "profile.json")
    with open(profile, "w", encoding="ascii") as file:
        json.dump({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO"}]}, file)
    words = ["sh", "-c", "chmod 700 /tmp 2>&1; grep Seccomp: /proc/self/status"]
    with cri.pod() as pod:
        same(pod.output(words, "default", linux=seccomp("RuntimeDefault")), "Seccomp:\t2", "the default")
        same(pod.output(words, "none", linux=seccomp("Unconfined")), "Seccomp:\t0", "unconfined")
        same(pod.output(words, "ours", linux=seccomp("Localhost", profile)),
             "chmod: /tmp: Operation not permitted\nSeccomp:\t2", "one of the node's")
        cri.refused("CreateContainer", grpc.StatusCode.UNKNOWN, "nonesuch", **pod.request("gone", linux=seccomp("Localhost", "/nonesuch")))


def options(**names):
    return {"security_context": {"namespace_options": names}}


def case_pid_namespaces(cri):
    words = ["sh", "-c", "echo $$; ps -o args | grep -c '[s]leep 1000'"]
    with cri.pod(**options(pid=CONTAINER)) as pod:
        pod.start("other")
        same(pod.output(words, linux=options(pid=CONTAINER)), "1\n0", "a namespace of its own")
    with cri.pod(**options(pid=POD)) as pod:
        pod.start("other", linux=options(pid=POD))
        number, seen = pod.output(words, linux=options(pid=POD)).split()
        check(int(number) > 1 and seen == "1", f"the pod's: {number} {seen}")


def case_namespaces_of_the_node(cri):
    """There is none for a VM: what is the network's is refused, what is not is the guest's."""
    if cri.runtime != "caisson":
        return
    security = options(network=NODE)
    config = {"metadata": {"name": "n", "namespace": "cri", "uid": "n", "attempt": 0}, "linux": security}
    cri.refused("RunPodSandbox", grpc.StatusCode.UNKNOWN, "the host's own network cannot be had in a VM", config=config,
                runtime_handler="caisson")
    for found in cri.call("ListPodSandbox").items:
        cri.call("RemovePodSandbox", pod_sandbox_id=found.id)
    with cri.pod(**options(pid=NODE)) as pod:
        seen = pod.output(["ps", "-o", "args"], linux=options(pid=NODE))
        check("containerd" not in seen, f"the node's processes: {seen}")


def case_sysctls(cri):
    with cri.pod(sysctls={"kernel.shm_rmid_forced": "1", "net.ipv4.ip_unprivileged_port_start": "80"}) as pod:
        same(pod.output(["cat", "/proc/sys/kernel/shm_rmid_forced", "/proc/sys/net/ipv4/ip_unprivileged_port_start"]),
             "1\n80", "sysctls")


def case_users(cri):
    words = ["sh", "-c", "id -u; id -g; id -G"]
    with cri.pod() as pod:
        for name, want, security in [
                ("user", "5\n0\n0", {"run_as_user": {"value": 5}}),
                ("group", "5\n6\n6", {"run_as_user": {"value": 5}, "run_as_group": {"value": 6}}),
                ("name", "1000\n1000\n10 1000", {"run_as_username": "user"}),
                ("groups", "5\n6\n6 77", {"run_as_user": {"value": 5}, "run_as_group": {"value": 6}, "supplemental_groups": [77]})]:
            have = pod.output(words, name, linux={"security_context": security}).split("\n")
            have[2] = " ".join(sorted(have[2].split(), key=int))
            same("\n".join(have), want, name)
        cri.refused("CreateContainer", grpc.StatusCode.UNKNOWN, "is specified without user",
                    **pod.request("none", linux={"security_context": {"run_as_group": {"value": 6}}}))
        same(pod.output(["sh", "-c", "grep NoNewPrivs: /proc/self/status; touch /x 2>&-; echo $?"], "privileges", linux={
            "security_context": {"no_new_privs": True, "readonly_rootfs": True}}).split("\n")[-1], "1", "a root to write to")


def case_paths(cri):
    with cri.pod() as pod:
        said = pod.output(["sh", "-c", "cat /etc/passwd; ls /home; touch /tmp/x 2>&1"], linux={"security_context": {
            "masked_paths": ["/etc/passwd", "/home"], "readonly_paths": ["/tmp"]}})
        same(said, "touch: /tmp/x: Read-only file system", "what is masked, and what cannot be written")


def case_resources(cri):
    with cri.pod() as pod:
        words = "cat /proc/self/oom_score_adj"
        wanted = {"oom_score_adj": 321, "memory_limit_in_bytes": 64 << 20}
        if cri.runtime == "caisson":
            words += "; cd /sys/fs/cgroup; cat memory.max pids.max"
            wanted["unified"] = {"pids.max": "50"}
        new = pod.start(command=["sh", "-c", words + "; sleep 1000"], linux={"resources": wanted})
        want = ["321", "67108864", "50"] if cri.runtime == "caisson" else ["321"]
        pod.await_log(lambda: len(pod.log()) >= len(want))
        same(pod.log(), want, "what it has")
        cri.call("UpdateContainerResources", container_id=new, linux={"memory_limit_in_bytes": 48 << 20})
        if cri.runtime == "caisson":
            same(cri.exec(new, ["cat", "/sys/fs/cgroup/memory.max"], PATIENCE).stdout, b"50331648\n", "after an update")


def case_mounts(cri):
    real, link = os.path.join(cri.folder, "real"), os.path.join(cri.folder, "link")
    os.makedirs(real)
    os.symlink(real, link)
    with cri.pod() as pod:
        said = pod.output(["sh", "-c", "echo here >/v/file; touch /r/no 2>&1; cat /r/file"], mounts=[
            {"host_path": link, "container_path": "/v"}, {"host_path": real, "container_path": "/r", "readonly": True}])
        same(said, "touch: /r/no: Read-only file system\nhere", "what it said")
        with open(os.path.join(real, "file"), encoding="ascii") as file:
            same(file.read(), "here\n", "what the node has")
        if cri.runtime == "caisson":
            new = pod.create("shared", mounts=[{"host_path": real, "container_path": "/v", "propagation": "PROPAGATION_BIDIRECTIONAL"}])
            cri.refused("StartContainer", grpc.StatusCode.UNIMPLEMENTED, "is not seen on its host", container_id=new)


def case_mounts_after_the_pod(cri):
    """Also where no mount is seen in namespaces that were made before."""
    private = os.path.join(cri.folder, "private")
    late, itself = os.path.join(private, "late"), os.path.join(private, "itself")
    os.makedirs(private)
    with contextlib.ExitStack() as mounted:

        def mount(where, *words):
            subprocess.run(["mount", *words, where], check=True)
            mounted.callback(subprocess.run, ["umount", "-l", where], check=True)

        mount(private, "--make-private", "-t", "tmpfs", "tmpfs")
        os.makedirs(late)
        os.makedirs(os.path.join(itself, "below"))
        pod = mounted.enter_context(cri.pod())
        mount(late, "-t", "tmpfs", "tmpfs")
        mount(itself, "--make-shared", "--bind", itself)
        with open(os.path.join(late, "file"), "w", encoding="ascii") as file:
            file.write("late\n")
        new = pod.start(mounts=[
            {"host_path": late, "container_path": "/v"},
            {"host_path": os.path.join(late, "file"), "container_path": "/f", "readonly": True},
            {"host_path": itself, "container_path": "/i", "propagation": "PROPAGATION_HOST_TO_CONTAINER"}])
        same(cri.exec(new, ["cat", "/v/file", "/f"], PATIENCE).stdout, b"late\nlate\n", "what it finds")
        mount(os.path.join(itself, "below"), "--bind", late)
        same(cri.exec(new, ["ls", "/i/below"], PATIENCE).stdout, b"file\n", "what is mounted there once it runs")
        same(cri.exec(new, ["sh", "-c", "echo here >/v/new; echo no >/f"], PATIENCE).exit_code, 1, "writing to what is read only")
        cri.stop(new, 1)
        with open(os.path.join(late, "new"), encoding="ascii") as file:
            same(file.read(), "here\n", "what the node has")


def case_devices(cri):
    """A VM has none of the host's but block devices."""
    device = {"devices": [{"container_path": "/dev/own", "host_path": "/dev/ttyS0", "permissions": "rwm"}]}
    with cri.pod() as pod:
        if cri.runtime == "caisson":
            new = pod.create(**device)
            cri.refused("StartContainer", grpc.StatusCode.UNIMPLEMENTED, "a device of the host", container_id=new)
        else:
            same(pod.output(["stat", "-c", "%F", "/dev/own"], **device), "character special file", "the device")


def case_images(cri):
    status = cri.call("ImageStatus", IMAGES, image={"image": IMAGE}).image
    check(status.id.startswith("sha256:") and status.size > 0 and IMAGE in status.repo_tags, f"the image: {status}")
    found = [each.id for each in cri.call("ListImages", IMAGES).images]
    check(status.id in found and len(set(found)) == len(found), "each image is listed once")
    check(not cri.has_image("docker.io/library/nonesuch"), "one that is not there")


def case_runtime(cri):
    version = cri.call("Version")
    same((version.runtime_name, version.runtime_api_version), ("containerd", "v1"), "the runtime")
    ready = {each.type: each.status for each in cri.call("Status").status.conditions}
    same(ready, {"RuntimeReady": True, "NetworkReady": True}, "its conditions")


def main():
    cases = {name[len("case_"):]: case for name, case in globals().items() if name.startswith("case_")}
    if len(sys.argv) < 5:
        print(*cases)
        return
    os.makedirs(sys.argv[2], exist_ok=True)
    cases[sys.argv[4]](Cri(*sys.argv[1:4]))


if __name__ == "__main__":
    main()
