import { comparePrefixes, contains, formatPrefix, type Prefix, parseAddress, parsePrefix, prefixOf } from '@myelin/address';
import { describeValue, type JsonPath } from '@myelin/manifest';
import { type Report, reporter } from './report.ts';

/** Canonical text of a prefix and of what is cut out of it. */
export interface PrefixMatch {
  readonly prefix: string;
  readonly except: readonly string[];
}

/** Reads a CIDR; host bits are masked, as Kubernetes and Cilium do. `bare` lets a single address pass for its full-length prefix. Null after a report. */
function readPrefix(text: string, path: JsonPath, bare: boolean, report: Report): Prefix | null {
  const address = bare ? parseAddress(text) : null;
  const prefix = address === null ? parsePrefix(text) : prefixOf(address);
  if (prefix === null) reporter(report, path)(`found ${describeValue(text)}`, 'a CIDR such as 10.0.0.0/8 or 2001:db8::/32');
  return prefix;
}

/** Reads `cidr` and `except` of an ipBlock or a CIDR set. What is cut out must lie inside. Null after a report. */
export function readPrefixExcept(cidr: string, except: readonly string[], path: JsonPath, report: Report): PrefixMatch | null {
  const outer = readPrefix(cidr, [...path, 'cidr'], false, report);
  const inner = except.map((text, index) => {
    const at = [...path, 'except', index];
    const prefix = readPrefix(text, at, false, report);
    if (outer !== null && prefix !== null && !contains(outer, prefix)) {
      reporter(report, at)(`found ${describeValue(text)}`, `a CIDR inside ${formatPrefix(outer)}`);
    }
    return prefix;
  });
  if (outer === null || inner.includes(null)) return null;
  const sorted = (inner as Prefix[]).sort(comparePrefixes).map(formatPrefix);
  return { prefix: formatPrefix(outer), except: [...new Set(sorted)] };
}

/** Reads a member of `fromCIDR` or `toCIDR`: a prefix or, as upstream, a single address. Null after a report. */
export function readCidr(text: string, path: JsonPath, report: Report): PrefixMatch | null {
  const prefix = readPrefix(text, path, true, report);
  return prefix && { prefix: formatPrefix(prefix), except: [] };
}
