/** The services of suite lab, the same for every way that serves them. Pure. */

/** As issue 9 asks for; each has one endpoint, which is the least that a packet can cost in the rules of kube-proxy. */
export const serviceCount = 10_000;
/** The measured one: in the middle, as iptables asks about one after the other. */
const measured = serviceCount / 2;

export const servicePort = 80;

/** One service. */
export interface BenchService {
  readonly number: number;
  readonly address: string;
  readonly endpoint: string;
  readonly endpointPort: number;
  readonly isMeasured: boolean;
}

/** Where clients find the measured service. */
export const serviceTarget = { address: serviceAddress(measured), port: servicePort } as const;

function serviceAddress(number: number): string {
  return `10.96.${(number >> 8) + 1}.${number & 255}`;
}

/** All of them. `server`: the endpoint of the measured one. */
export function benchServices(server: { readonly address: string; readonly port: number }): readonly BenchService[] {
  return Array.from({ length: serviceCount }, (_, number) => {
    const isMeasured = number === measured;
    return {
      number,
      address: serviceAddress(number),
      endpoint: isMeasured ? server.address : `10.8.${number >> 8}.${number & 255}`,
      endpointPort: isMeasured ? server.port : 8080,
      isMeasured,
    };
  });
}
