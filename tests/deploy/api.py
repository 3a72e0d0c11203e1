# SPDX-License-Identifier: Apache-2.0
"""A test tool: as much of an API server as `kubectl apply --dry-run=client` asks, and a node's labels.

It knows which kinds there are, that no object exists yet, and it takes a PATCH of a node.
"""

import http.server
import json
import re
import ssl
import threading

KINDS = {
    "v1": {"Namespace": ("namespaces", False), "ServiceAccount": ("serviceaccounts", True),
           "Node": ("nodes", False)},
    "apps/v1": {"DaemonSet": ("daemonsets", True)},
    "node.k8s.io/v1": {"RuntimeClass": ("runtimeclasses", False)},
    "admissionregistration.k8s.io/v1": {
        "ValidatingAdmissionPolicy": ("validatingadmissionpolicies", False),
        "ValidatingAdmissionPolicyBinding": ("validatingadmissionpolicybindings", False)},
    "rbac.authorization.k8s.io/v1": {"ClusterRole": ("clusterroles", False),
                                     "ClusterRoleBinding": ("clusterrolebindings", False)},
}


def group_list():
    groups = []
    for version in KINDS:
        if "/" in version:
            known = {"groupVersion": version, "version": version.split("/")[1]}
            groups.append({"name": version.split("/")[0], "versions": [known], "preferredVersion": known})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def resource_list(version):
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [
        {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind,
         "verbs": ["create", "get", "patch"]}
        for kind, (name, namespaced) in KINDS[version].items()]}


def discovery():
    yield "/api", {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    yield "/apis", group_list()
    yield "/version", {"major": "1", "minor": "32", "gitVersion": "v1.32.0"}
    for version in KINDS:
        yield ("/apis/" if "/" in version else "/api/") + version, resource_list(version)


class Handler(http.server.BaseHTTPRequestHandler):
    answers = dict(discovery())

    def log_message(self, *_):
        pass

    def reply(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path in self.answers:
            self.reply(200, self.answers[path])
        else:
            self.reply(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                             "reason": "NotFound", "message": f"{path} was not found"})

    def do_PATCH(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        node = re.fullmatch("/api/v1/nodes/([a-z0-9-]+)", self.path)
        authorized = self.headers["Authorization"] == f"Bearer {self.server.token}"
        if not node or not authorized or self.headers["Content-Type"] != "application/merge-patch+json":
            self.reply(403, {"kind": "Status", "status": "Failure", "code": 403})
            return
        labels = self.server.labels.setdefault(node[1], {})
        for name, value in json.loads(body)["metadata"]["labels"].items():
            labels[name] = value
            if value is None:
                del labels[name]
        self.server.changed(self.server.labels)
        self.reply(200, {"kind": "Node", "apiVersion": "v1", "metadata": {"name": node[1], "labels": labels}})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificate=None, token=None, changed=lambda labels: None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.labels, self.token, self.changed = {}, token, changed
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def port(self):
        return self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
