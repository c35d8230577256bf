import type { Manifest } from './document.ts';
import { type ManifestError, nearestName } from './problem.ts';

/** Kinds of Kubernetes that nothing here acts on yet: people bring whole folders. */
const otherKinds: readonly string[] = [
  'APIService',
  'CertificateSigningRequest',
  'ClusterRole',
  'ClusterRoleBinding',
  'ConfigMap',
  'ControllerRevision',
  'CronJob',
  'CSIDriver',
  'CSINode',
  'CustomResourceDefinition',
  'DaemonSet',
  'Deployment',
  'Endpoints',
  'EndpointSlice',
  'Event',
  'FlowSchema',
  'Gateway',
  'GatewayClass',
  'GRPCRoute',
  'HorizontalPodAutoscaler',
  'HTTPRoute',
  'Ingress',
  'IngressClass',
  'Job',
  'Kustomization',
  'Lease',
  'LimitRange',
  'MutatingWebhookConfiguration',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'PodDisruptionBudget',
  'PodTemplate',
  'PriorityClass',
  'PriorityLevelConfiguration',
  'ReplicaSet',
  'ReplicationController',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'RuntimeClass',
  'Secret',
  'Service',
  'ServiceAccount',
  'StatefulSet',
  'StorageClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
  'VolumeAttachment',
];

/** Kinds of Kubernetes that say where policies apply. */
export const workloadKinds: readonly string[] = ['Node', 'Namespace', 'Pod'];

/** The error of a kind that is neither among `known` nor another one of Kubernetes: most likely a slip of the pen. Null: a kind to pass over. */
export function unknownKind(manifest: Manifest, known: readonly string[]): ManifestError | null {
  const { kind } = manifest;
  const others = [...workloadKinds, ...otherKinds];
  if (others.includes(kind)) return null;
  return manifest.errorAt({
    path: ['kind'],
    message: `unknown kind ${JSON.stringify(kind)}`,
    expected: `one of ${known.join(', ')} (others of Kubernetes are passed over)`,
    nearest: nearestName(kind, [...known, ...others]),
  });
}
