import { describe, expect, it } from 'vitest';
import { imagePackage } from './package-name.ts';

const depends = `linux-image-cloud-amd64
  Depends: linux-image-6.1.0-56-cloud-amd64
`;

describe("the kernel image's package", () => {
  it('is what the metapackage depends on', () => {
    expect(imagePackage(depends, '6.1')).toBe('linux-image-6.1.0-56-cloud-amd64');
  });

  it('is none where the metapackage leads to another version, one that begins alike included', () => {
    for (const version of ['6.12', '6.10', '5.10']) expect(imagePackage(depends, version)).toBeNull();
    expect(imagePackage(depends.replaceAll('6.1.0', '6.12.0'), '6.1')).toBeNull();
  });
});
