# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_kubernetes
short_description: Look at a Deployment of Kubernetes, change its version or its count, restart it
version_added: 0.2.0
description:
  - Decides on the controller, by the action plugin of the same name. What is asked of the cluster, and changed there, is done on the host
    by M(kubernetes.core.k8s_info), M(kubernetes.core.k8s) and M(kubernetes.core.k8s_scale).
  - Another version is the pod template of a ReplicaSet that the Deployment still has, as C(kubectl rollout undo) brings it back.
  - It then waits until the rollout is over. Pods without C(minReadySeconds) must stay available for 2 seconds.
  - A Deployment that is paused or scaled to 0 is not replaced, and one with a HorizontalPodAutoscaler is not scaled.
  - It is tested against a stand-in for the API of Kubernetes, not against a cluster.
author: Contributors to incident.response (@incident-response)
requirements:
  - the collection kubernetes.core on the controller
  - the Python library kubernetes on the host
extends_documentation_fragment: [incident.response.backend, incident.response.containers]
options:
  version:
    description:
      - Only say what this would change. V(previous) is the newest ReplicaSet before the current one with another pod template, but for the
        time of a restart. All else is an image, its tag, or the number of a revision. One that isn't there is refused, with those that are.
    type: str
  deployment:
    description: The name of the Deployment.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    default: default
  container:
    description: The container whose image is the version. May be left out where the pod has one container.
    type: str
    default: ""
  context:
    description: The context in the kubeconfig. Without it, the current one.
    type: str
  kubeconfig:
    description: The path of the kubeconfig on the host. Without it, what the library kubernetes takes there.
    type: str
  timeout:
    description: How many seconds the rollout may take. It ends sooner where there is no hope.
    type: float
    default: 300
"""
EXAMPLES = r"""
- name: What would a rollback do?
  incident.response.service_kubernetes:
    deployment: api
    namespace: shop
    what: version
    version: previous
  register: look

- name: Do it, unless it has moved
  incident.response.service_kubernetes:
    deployment: api
    namespace: shop
    what: version
    wanted: "{{ look.wanted }}"
    expected: ["{{ look.state }}"]

- name: Replace all pods by new ones
  incident.response.service_kubernetes:
    deployment: api
    namespace: shop
    what: restart
"""
RETURN = r"""
state:
  description: The image and the hash of the pod template, or the number of replicas, after the change. Nothing else that the template says.
  type: dict
  returned: when O(what) is not V(restart)
  sample: {image: "registry.example.com/shop/api:1.4.2", hash: 5d8c7f9b64}
wanted:
  description: The state that was asked for.
  type: dict
  returned: when O(what) is not V(restart)
name:
  description: The same in words.
  type: str
  returned: when O(what) is not V(restart)
text:
  description: From what to what, and of an older version, which revision it is, how old, and why it was made.
  type: str
  returned: when O(what) is not V(restart)
healthy:
  description: Whether all pods are available and have the Deployment's template. Null where the cluster doesn't say it any more.
  type: bool
  returned: success
exists:
  description: Always true; a Deployment that isn't there is an error.
  type: bool
  returned: success
instance:
  description: The names of the pods that are ready, which are other ones after a restart.
  type: str
  returned: success
detail:
  description: What was seen, in words.
  type: str
  returned: success
evidence:
  description: What the cluster says of the pods that aren't ready.
  type: str
  returned: success
out:
  description: How many of the pods, in per cent, may be missing while they are replaced.
  type: int
  returned: success
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
"""
