# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for a cluster: kmock serves HTTP and the discovery; the rules of the API are here, what the controllers do in `controllers.py`.

Each rule names its source: [concepts] kubernetes.io/docs/reference/using-api/api-concepts,
[status] kubernetes.io/docs/reference/kubernetes-api/common-definitions/status,
[labels] kubernetes.io/docs/concepts/overview/working-with-objects/labels, [conventions] github.com/kubernetes/community, api-conventions.md.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp.web
import kmock
from kmock._internal.k8s import KubernetesError
from kmock._internal.rendering import Request
from servers.controllers import Controllers, Store, Thing

TOKEN = "token-of-the-emergency"  # noqa: S105 - of the stand-in
USER = "system:serviceaccount:ops:incident"
KINDS = {"deployments": "Deployment", "replicasets": "ReplicaSet", "pods": "Pod", "horizontalpodautoscalers": "HorizontalPodAutoscaler"}
GROUPS = {"deployments": "apps", "replicasets": "apps", "pods": "", "horizontalpodautoscalers": "autoscaling"}
MERGES = {"application/merge-patch+json", "application/strategic-merge-patch+json"}
VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}


def refusal(code: int, reason: str, message: str, **details: Any) -> KubernetesError:
    """A failure in the shape of a Status object. [status]"""
    return KubernetesError(status=code, reason=reason, message=message, details=details or {"causes": []})


def full_name(plural: str) -> str:
    return f"{plural}.{GROUPS[plural]}" if GROUPS[plural] else plural


class Api(kmock.KubernetesEmulator):
    """The API of a cluster whose user may do all in the namespace `default`, and nothing elsewhere."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.store = Store()
        self.forbidden = set[tuple[str, str]]()
        """Pairs of a verb and a resource."""
        self.calls: list[tuple[str, str]] = []
        self.instead: tuple[int, str, str] | None = None
        """Status, content type and text of what a broken proxy answers in place of the cluster."""
        self.silent = False
        self.upon: dict[tuple[str, str], list[Callable[[], None]]] = {}
        """For a verb and a resource, what somebody else does at the very moment of the first such request, of the second, and so on."""
        for plural, kind in KINDS.items():
            version = f"{GROUPS[plural]}/v1" if GROUPS[plural] else "v1"
            subresources = {"scale", "status"} if plural == "deployments" else set()
            verbs = {"get", "list", "patch", "update", "watch"}
            self.resources[f"{version}/{plural}"] = kmock.ResourceInfo(
                kind=kind, singular=kind.lower(), namespaced=True, verbs=verbs, subresources=subresources
            )

    async def _handle(self, request: Request) -> aiohttp.web.StreamResponse:
        self.calls.append((str(request.method.value), request.url.path))
        while self.silent:
            await asyncio.sleep(0.1)
        match self.instead:
            case code, kind, text:
                return aiohttp.web.Response(status=code, content_type=kind, text=text)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise refusal(401, "Unauthorized", "Unauthorized")
        if request.resource is None or request.resource.plural is None:
            return await super()._handle(request)
        return aiohttp.web.json_response(self._answer(request))

    def _answer(self, request: Request) -> Thing:
        method, plural = str(request.method.value), str(getattr(request.resource, "plural", ""))
        if plural not in KINDS:
            raise refusal(404, "NotFound", "the server could not find the requested resource")
        verb = "list" if method == "GET" and not request.name else VERBS[method]
        resource = f"{plural}/{request.subresource}" if request.subresource else plural
        if request.namespace != "default" or (verb, resource) in self.forbidden:
            group, where = GROUPS[plural], f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
            cannot = f'User "{USER}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
            quoted = f' "{request.name}"' if request.name else ""
            raise refusal(403, "Forbidden", f"{full_name(plural)}{quoted} is forbidden: {cannot}")
        if self.upon.get((verb, resource)):
            self.upon[verb, resource].pop(0)()
        if verb == "list":
            return self._list(plural, request.params.get("labelSelector", ""))
        found = self.store.find(plural, str(request.name))
        if found is None:
            raise refusal(404, "NotFound", f'{full_name(plural)} "{request.name}" not found', name=request.name, kind=plural, group=GROUPS[plural])
        if verb == "get":
            return scale_of(found) if request.subresource == "scale" else found
        if plural != "deployments" or verb not in {"update", "patch"}:
            raise refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        return self._change(found, request, verb)

    def _list(self, plural: str, selector: str) -> Thing:
        """The items of a list have neither kind nor version of their own. [concepts]"""
        wanted = [requirement(text) for text in re.split(r",(?![^(]*\))", selector) if text]
        items = [each for each in self.store.all(plural) if all(holds(each["metadata"].get("labels", {})) for holds in wanted)]
        items = [{key: value for key, value in each.items() if key not in {"kind", "apiVersion"}} for each in items]
        version = f"{GROUPS[plural]}/v1" if GROUPS[plural] else "v1"
        return {"kind": f"{KINDS[plural]}List", "apiVersion": version, "metadata": {"resourceVersion": str(self.store.version)}, "items": items}

    def _change(self, found: Thing, request: Request, verb: str) -> Thing:
        kind, given = request.headers.get("Content-Type", "").partition(";")[0], request.data
        if not isinstance(given, dict):
            raise refusal(400, "BadRequest", "the object provided is unrecognized (must be of type Deployment)")
        if verb == "update":
            wanted = copy.deepcopy(given)
        elif kind in MERGES:
            base = scale_of(found) if request.subresource == "scale" else found
            wanted = merged(copy.deepcopy(base), given, strategic="strategic" in kind)
        else:
            raise refusal(415, "UnsupportedMediaType", f"the body of the request was in an unknown format - accepted media types include: {MERGES}")
        if request.subresource == "scale":
            changed = copy.deepcopy(found)
            changed["spec"]["replicas"] = wanted["spec"]["replicas"]
            return scale_of(self.store.put("deployments", changed, generation=changed["spec"] != found["spec"]))
        self._check(found, wanted)
        wanted["status"] = found.get("status", {})  # it has a subresource of its own [concepts]
        self.store.put("deployments", wanted, generation=wanted["spec"] != found["spec"])
        return wanted

    def _check(self, found: Thing, wanted: Thing) -> None:
        name, meta = found["metadata"]["name"], wanted.get("metadata", {})
        if wanted.get("kind") != "Deployment" or wanted.get("apiVersion") != "apps/v1" or meta.get("name") != name:
            raise refusal(400, "BadRequest", "the name of the object does not match the name on the URL, or its kind is another")
        for key in ("resourceVersion", "uid"):  # optimistic locking [conventions]
            if meta.get(key, found["metadata"][key]) != found["metadata"][key]:
                why = "the object has been modified; please apply your changes to the latest version and try again"
                raise refusal(409, "Conflict", f'Operation cannot be fulfilled on deployments.apps "{name}": {why}')
        labels, selector = wanted["spec"]["template"]["metadata"].get("labels", {}), wanted["spec"]["selector"]
        if selector != found["spec"]["selector"]:
            raise refusal(422, "Invalid", f'Deployment.apps "{name}" is invalid: spec.selector: field is immutable')
        if not all(labels.get(key) == value for key, value in selector["matchLabels"].items()):
            raise refusal(422, "Invalid", f'Deployment.apps "{name}" is invalid: `selector` does not match template `labels`')


def scale_of(deployment: Thing) -> Thing:
    meta = {key: deployment["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    status = {"replicas": deployment.get("status", {}).get("replicas", 0)}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": {"replicas": deployment["spec"]["replicas"]}, "status": status}


def merged(base: Any, patch: Any, *, strategic: bool) -> Any:
    """`base` with a merge patch; a strategic one merges lists of containers and of variables by their names. [concepts]"""
    lists = isinstance(patch, list) and isinstance(base, list)
    if strategic and lists and all(isinstance(each, dict) and "name" in each for each in [*base, *patch]):
        named = {each["name"]: each for each in base}
        return list((named | {each["name"]: merged(named.get(each["name"], {}), each, strategic=True) for each in patch}).values())
    if not isinstance(patch, dict):
        return patch
    found = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value, strategic=strategic)
    return found


def requirement(text: str) -> Callable[[Mapping[str, str]], bool]:
    """One requirement of a label selector. [labels]"""
    among = re.fullmatch(r"\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*", text)
    if among:
        values = {each.strip() for each in among[3].split(",")}
        return lambda labels: (labels.get(among[1]) in values) == (among[2] == "in")
    equal = re.fullmatch(r"\s*([^=!\s]+)\s*(==?|!=)\s*([^=!\s]*)\s*", text)
    if equal:
        return lambda labels: (labels.get(equal[1]) == equal[3]) == (equal[2] != "!=")
    name = text.strip()
    if not re.fullmatch(r"!?[\w./-]+", name):
        raise refusal(400, "BadRequest", f"unable to parse requirement: {text}")
    return lambda labels: (name.lstrip("!") in labels) != name.startswith("!")


class Cluster:
    """A running one. Its state is read and changed through `store`, inside of `at_once`."""

    def __init__(self, folder: Path) -> None:
        self.kubeconfig = folder / "kubeconfig"
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the server does not start"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on nobody answers at its address."""
        if self._thread.is_alive():
            self.api.silent = False
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(20)
            assert not self._thread.is_alive(), "the server does not end"

    def at_once(self, work: Callable[[], Any]) -> Any:
        """What `work` returns, done between two steps of the controllers and two requests."""

        async def done() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    def later(self, work: Callable[[], None], seconds: float = 0.3) -> None:
        """Do it in the midst of what follows. To be called at once."""
        self._loop.call_later(seconds, work)

    def changes(self) -> list[tuple[str, str]]:
        """The requests since the start that change something."""
        return [call for call in self.api.calls if call[0] != "GET"]

    async def _run(self) -> None:
        self.api = Api()
        self.controllers = Controllers(self.api.store)
        async with self.api, kmock.Server(self.api) as server:
            self.kubeconfig.write_text(json.dumps(config(str(server.url), TOKEN)))
            self._ready.set()
            while not self._over.is_set():
                self.controllers.step()
                await asyncio.sleep(0.02)


def config(url: str, token: str) -> Thing:
    """A kubeconfig with two contexts: `good`, the current one, and `stranger`, whom the cluster does not know."""
    users = [{"name": "good", "user": {"token": token}}, {"name": "stranger", "user": {"token": "unknown"}}]
    contexts = [{"name": user["name"], "context": {"cluster": "c", "user": user["name"]}} for user in users]
    clusters = [{"name": "c", "cluster": {"server": url.rstrip("/")}}]
    return {"apiVersion": "v1", "kind": "Config", "clusters": clusters, "users": users, "contexts": contexts, "current-context": "good"}
