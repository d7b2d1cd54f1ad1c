/**
 * Go's `os.FileMode`, which is what fsutil puts on the wire instead of `st_mode`: the permission bits are shared, the type
 * and the set-id bits sit elsewhere. All numbers here are unsigned 32 bits; bitwise results need `>>> 0` because of bit 31.
 */
export const goMode = {
  directory: 0x8000_0000,
  symlink: 0x0800_0000,
  device: 0x0400_0000,
  namedPipe: 0x0200_0000,
  socket: 0x0100_0000,
  setuid: 0x0080_0000,
  setgid: 0x0040_0000,
  charDevice: 0x0020_0000,
  sticky: 0x0010_0000,
  irregular: 0x0008_0000,
} as const;

const typeBits =
  (goMode.directory |
    goMode.symlink |
    goMode.device |
    goMode.namedPipe |
    goMode.socket |
    goMode.charDevice |
    goMode.irregular) >>>
  0;

const unixType = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  block: 0o060000,
  directory: 0o040000,
  char: 0o020000,
  pipe: 0o010000,
};

/** `st_mode` as Go's FileMode. */
export function goModeOf(unixMode: number): number {
  let mode = unixMode & 0o777;
  if (unixMode & 0o4000) mode |= goMode.setuid;
  if (unixMode & 0o2000) mode |= goMode.setgid;
  if (unixMode & 0o1000) mode |= goMode.sticky;
  switch (unixMode & unixType.mask) {
    case unixType.directory:
      mode |= goMode.directory;
      break;
    case unixType.symlink:
      mode |= goMode.symlink;
      break;
    case unixType.socket:
      mode |= goMode.socket;
      break;
    case unixType.pipe:
      mode |= goMode.namedPipe;
      break;
    case unixType.block:
      mode |= goMode.device;
      break;
    case unixType.char:
      mode |= goMode.device | goMode.charDevice;
      break;
  }
  return mode >>> 0;
}

/** The twelve bits that `chmod` takes: permissions, set-id bits, sticky. */
export function chmodBits(mode: number): number {
  let bits = mode & 0o777;
  if (mode & goMode.setuid) bits |= 0o4000;
  if (mode & goMode.setgid) bits |= 0o2000;
  if (mode & goMode.sticky) bits |= 0o1000;
  return bits;
}

export const isDirectory = (mode: number): boolean => (mode & goMode.directory) !== 0;
export const isSymlink = (mode: number): boolean => (mode & goMode.symlink) !== 0;
/** True for what has content to ask for: none of the type bits is set. */
export const isRegular = (mode: number): boolean => (mode & typeBits) === 0;
