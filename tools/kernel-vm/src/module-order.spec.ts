import { describe, expect, it } from 'vitest';
import { moduleOrder } from './module-order.ts';

const dependencies = `kernel/fs/fuse/fuse.ko:
kernel/fs/fuse/virtiofs.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko kernel/fs/fuse/fuse.ko
kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
`;

describe('kernel modules', () => {
  it('come after what they need, each once', () => {
    expect(moduleOrder(dependencies, ['virtio_pci', 'virtiofs'])).toEqual([
      'kernel/drivers/virtio/virtio_ring.ko',
      'kernel/drivers/virtio/virtio.ko',
      'kernel/drivers/virtio/virtio_pci.ko',
      'kernel/fs/fuse/fuse.ko',
      'kernel/fs/fuse/virtiofs.ko',
    ]);
  });

  it('that are built in need no file', () => {
    expect(moduleOrder(dependencies, ['overlay', 'fuse'])).toEqual(['kernel/fs/fuse/fuse.ko']);
  });
});
