/**
 * Rules like those that kube-proxy 1.34 writes for services with ClusterIP, in its two modes: what other nodes would do where ours looks a service up. Written by us from what the rules look like on
 * a node; comments and counters, which cost packets nothing, are left out. Pure.
 */
import { type BenchService, benchServices, servicePort } from './services.ts';

const podRange = '10.0.0.0/12';
const masqueradeMark = '0x4000';

/** For `nft -f -`: one look-up in a verdict map, then a chain for the service and one for its endpoint. `server`, `port`: the measured service's endpoint. */
export function nftRules(server: string, port: number): string {
  const all = benchServices({ address: server, port });
  const name = ({ number }: BenchService) => `service-${hash(number)}-bench/svc-${number}/tcp/http`;
  const endpointName = ({ number, endpoint, endpointPort }: BenchService) =>
    `endpoint-${hash(number)}-bench/svc-${number}/tcp/http__${endpoint}/${endpointPort}`;
  const chains = all.flatMap((service) => [
    `chain ${name(service)} {`,
    `  ip daddr ${service.address} tcp dport ${servicePort} ip saddr != ${podRange} jump mark-for-masquerade`,
    `  numgen random mod 1 vmap { 0 : goto ${endpointName(service)} }`,
    '}',
    `chain ${endpointName(service)} {`,
    `  ip saddr ${service.endpoint} jump mark-for-masquerade`,
    `  meta l4proto tcp dnat to ${service.endpoint}:${service.endpointPort}`,
    '}',
  ]);
  return `table ip kube-proxy {
set cluster-ips { type ipv4_addr; elements = { ${all.map(({ address }) => address).join(', ')} } }
set nodeport-ips { type ipv4_addr; elements = { 192.0.2.1 } }
map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }
map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }
map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
map service-nodeports { type inet_proto . inet_service : verdict; }
chain mark-for-masquerade { meta mark set meta mark or ${masqueradeMark}; }
chain masquerading {
  meta mark and ${masqueradeMark} == 0 return
  meta mark set meta mark xor ${masqueradeMark}
  masquerade fully-random
}
${chains.join('\n')}
map service-ips {
  type ipv4_addr . inet_proto . inet_service : verdict
  elements = { ${all.map((service) => `${service.address} . tcp . ${servicePort} : goto ${name(service)}`).join(', ')} }
}
chain services {
  ip daddr . meta l4proto . th dport vmap @service-ips
  ip daddr @nodeport-ips fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports
}
chain service-endpoints-check {
  ip daddr . meta l4proto . th dport vmap @no-endpoint-services
  fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @no-endpoint-nodeports
}
chain firewall-check { ip daddr . meta l4proto . th dport vmap @firewall-ips; }
chain cluster-ips-check { ip daddr @cluster-ips reject; }
chain filter-prerouting { type filter hook prerouting priority -110; ct state new jump firewall-check; }
chain filter-input { type filter hook input priority -110; ct state new jump service-endpoints-check; }
chain filter-forward { type filter hook forward priority -110; ct state new jump service-endpoints-check; ct state new jump cluster-ips-check; }
chain filter-output { type filter hook output priority -110; ct state new jump service-endpoints-check; ct state new jump cluster-ips-check; }
chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
chain nat-output { type nat hook output priority -100; jump services; }
chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }
}
`;
}

/** For `iptables-restore`: one rule a service, asked one after the other, then a chain for the service and one for its endpoint. */
export function iptablesRules(server: string, port: number): string {
  const all = benchServices({ address: server, port });
  const service = ({ number }: BenchService) => `KUBE-SVC-${hash(number)}${hash(number)}`;
  const endpoint = ({ number }: BenchService) => `KUBE-SEP-${hash(number)}${hash(number)}`;
  return [
    '*filter',
    ...[':INPUT ACCEPT', ':FORWARD ACCEPT', ':OUTPUT ACCEPT', ':KUBE-FORWARD -', ':KUBE-SERVICES -', ':KUBE-PROXY-FIREWALL -'].map(
      (chain) => `${chain} [0:0]`,
    ),
    '-A INPUT -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL',
    '-A FORWARD -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL',
    '-A FORWARD -j KUBE-FORWARD',
    '-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES',
    '-A OUTPUT -m conntrack --ctstate NEW -j KUBE-SERVICES',
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    `-A KUBE-FORWARD -m mark --mark ${masqueradeMark}/${masqueradeMark} -j ACCEPT`,
    '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'COMMIT',
    '*nat',
    ...[':PREROUTING ACCEPT', ':OUTPUT ACCEPT', ':POSTROUTING ACCEPT', ':KUBE-SERVICES -', ':KUBE-POSTROUTING -', ':KUBE-MARK-MASQ -'].map(
      (chain) => `${chain} [0:0]`,
    ),
    ...all.flatMap((one) => [`:${service(one)} - [0:0]`, `:${endpoint(one)} - [0:0]`]),
    '-A PREROUTING -j KUBE-SERVICES',
    '-A OUTPUT -j KUBE-SERVICES',
    '-A POSTROUTING -j KUBE-POSTROUTING',
    `-A KUBE-MARK-MASQ -j MARK --or-mark ${masqueradeMark}`,
    `-A KUBE-POSTROUTING -m mark ! --mark ${masqueradeMark}/${masqueradeMark} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${masqueradeMark}`,
    '-A KUBE-POSTROUTING -j MASQUERADE --random-fully',
    ...all.map((one) => `-A KUBE-SERVICES -d ${one.address}/32 -p tcp -m tcp --dport ${servicePort} -j ${service(one)}`),
    ...all.flatMap((one) => [
      `-A ${service(one)} ! -s ${podRange} -d ${one.address}/32 -p tcp -m tcp --dport ${servicePort} -j KUBE-MARK-MASQ`,
      `-A ${service(one)} -j ${endpoint(one)}`,
      `-A ${endpoint(one)} -s ${one.endpoint}/32 -j KUBE-MARK-MASQ`,
      `-A ${endpoint(one)} -p tcp -m tcp -j DNAT --to-destination ${one.endpoint}:${one.endpointPort}`,
    ]),
    'COMMIT',
    '',
  ].join('\n');
}

/** Eight letters that stand for a service in the names of its chains. */
function hash(number: number): string {
  return [...number.toString(26).padStart(8, '0')].map((digit) => String.fromCharCode(65 + Number.parseInt(digit, 26))).join('');
}
