# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_kubernetes
short_description: Look at a Deployment of Kubernetes, change its version or its count, restart it
version_added: 0.2.0
description:
  - The action plugin of the same name decides on the controller. M(kubernetes.core.k8s_info), M(kubernetes.core.k8s) and
    M(kubernetes.core.k8s_scale) read and change the cluster from the host.
  - An older version is the pod template of a ReplicaSet that the Deployment still has, as in C(kubectl rollout undo).
  - After a change the module waits until the rollout is over. Pods without C(minReadySeconds) must stay available for 2 seconds.
  - A rollback or restart of a Deployment that is paused or scaled to 0 is refused. Scaling a Deployment with a HorizontalPodAutoscaler is refused.
  - The module is tested against a stand-in server for the Kubernetes API, not against a cluster.
author: Contributors to incident.response (@incident-response)
requirements:
  - the collection kubernetes.core on the controller
  - the Python library kubernetes on the host
extends_documentation_fragment: [incident.response.backend, incident.response.containers]
options:
  version:
    description:
      - Only show the change to this version. V(previous) is the newest ReplicaSet before the current one with another pod template; a different
        restart time alone does not count. Any other value is an image, its tag, or the number of a revision. An unknown version is refused, with a
        list of the known ones.
    type: str
  deployment:
    description: The name of the Deployment.
    type: str
    required: true
  namespace:
    description: The namespace of the Deployment.
    type: str
    default: default
  container:
    description: The container whose image is the version. Not needed if the pod has one container.
    type: str
    default: ""
  context:
    description: The context in the kubeconfig. Default is the current context.
    type: str
  kubeconfig:
    description: The path of the kubeconfig on the host. Default is the kubeconfig that the library kubernetes uses there.
    type: str
  timeout:
    description: The timeout of the rollout in seconds. The module fails sooner if the rollout can't succeed.
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
  description: The image and the hash of the pod template, or the number of replicas, after the change. It contains nothing else of the template.
  type: dict
  returned: when O(what) is not V(restart)
  sample: {image: "registry.example.com/shop/api:1.4.2", hash: 5d8c7f9b64}
wanted:
  description: The state that was asked for.
  type: dict
  returned: when O(what) is not V(restart)
name:
  description: The state in words.
  type: str
  returned: when O(what) is not V(restart)
text:
  description: The change, and for an older version its revision, its age, and its change cause.
  type: str
  returned: when O(what) is not V(restart)
healthy:
  description: Whether all pods are available and have the Deployment's template. Null if the cluster no longer answers.
  type: bool
  returned: success
exists:
  description: Always true; a Deployment that isn't there is an error.
  type: bool
  returned: success
instance:
  description: The names of the ready pods. They differ after a restart.
  type: str
  returned: success
detail:
  description: The result of the check in words.
  type: str
  returned: success
evidence:
  description: The cluster's messages about the pods that aren't ready.
  type: str
  returned: success
out:
  description: The percentage of the pods that may be missing while they are replaced.
  type: int
  returned: success
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""
