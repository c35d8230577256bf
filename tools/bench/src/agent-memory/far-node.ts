import { IpamServiceService } from '@myelin/contracts/ipam';
import { Channel, clientOf, parseTarget } from '@myelin/rpc';
import { type Lab, type LabClients, serviceSocket } from '@myelin/tool-lab';

/** As issue 8 asks for. */
export const farEndpoints = 20_000;

const node = 'far';
const podCidrs = ['10.64.0.0/16', 'fd64::/64'];
/** Calls under way at a time. */
const atOnce = 32;
/** Deployments and namespaces that the endpoints belong to: 200 label sets. */
const counts = { deployments: 200, namespaces: 100 } as const;

/** Has the control plane know a node that doesn't exist, with its endpoints: allocated one by one, as its agent would. */
export async function publishFarEndpoints(lab: Lab, clients: LabClients): Promise<void> {
  const channel = new Channel('ipam', parseTarget(`unix:${serviceSocket(lab.paths, 'ipam')}`)!);
  await clientOf(IpamServiceService, channel)
    .acquireBlocks({ node, requestedCidrs: podCidrs })
    .finally(() => channel.close());
  const identities = clients.identity();
  const { registration } = await identities.registerNode({ name: node, uid: node, addresses: ['10.99.0.200'], podCidrs });
  const session = { registration, counter: 1n };
  // Its peers know a node that has applied all that was current when it registered.
  const { revision } = await identities.list({ labels: [] });
  const all = { incarnation: revision!.incarnation, counter: 1n << 40n };
  await identities.reportApplied({ node, session, identityRevision: all, endpointRevision: all, nodeRevision: all });
  await identities.activateNode({ node, session });
  const unknown = { identityRevision: undefined, endpointRevision: undefined, nodeRevision: undefined };
  // It lives while it allocates: its lease is 15 s.
  const heartbeat = setInterval(() => void identities.reportApplied({ node, session, ...unknown }).catch(() => {}), 3000);
  let next = 0;
  const work = async () => {
    while (next < farEndpoints) {
      const number = ++next;
      const deployment = number % counts.deployments;
      const namespace = `team-${number % counts.namespaces}`;
      await identities.allocate({
        node,
        session,
        endpointUid: `far-${number}`,
        namespace,
        name: `deployment-${deployment}-7c9d8b5f6d-${number.toString(36).padStart(5, 'x')}`,
        labels: [`k8s:app=deployment-${deployment}`, `k8s:io.kubernetes.pod.namespace=${namespace}`],
        claimed: 0,
        addresses: [`10.64.${number >> 8}.${number & 255}`, `fd64::${number.toString(16)}`],
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work)).finally(() => clearInterval(heartbeat));
}
