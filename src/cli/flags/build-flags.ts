/** The flags of `galley build`, as commander hands them over. */
export interface BuildFlags {
  file?: string;
  tag: string[];
  target?: string;
  buildArg: string[];
  buildContext: string[];
  secret: string[];
  ssh: string[];
  label: string[];
  platform: string[];
  cache: boolean;
  /** --no-cache-filter: commander takes a leading `no-` off every name. */
  cacheFilter: string[];
  pull?: boolean;
  addHost: string[];
  network: string;
  shmSize?: string;
  ulimit: string[];
  cgroupParent?: string;
  output: string[];
  load?: boolean;
  push?: boolean;
  cacheFrom: string[];
  cacheTo: string[];
  attest: string[];
  provenance?: string | true;
  sbom?: string | true;
  allow: string[];
  progress?: string;
  quiet?: boolean;
  metadataFile?: string;
  iidfile?: string;
  builder?: string;
  check?: boolean;
  call?: string;
  repo?: string;
}
