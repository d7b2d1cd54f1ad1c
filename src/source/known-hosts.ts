/**
 * Host keys (ed25519) of the well-known forges, as they publish them. Sources: docs.github.com "GitHub's SSH key
 * fingerprints", docs.gitlab.com "SSH host keys fingerprints", support.atlassian.com "Configure SSH", docs.codeberg.org
 * "SSH fingerprints". Their SHA-256 fingerprints are held by a test.
 */
export const forgeKeys: Readonly<Record<string, string>> = {
  "github.com": "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
  "gitlab.com": "AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
  "bitbucket.org": "AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
  "codeberg.org": "AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB",
};

/** The known_hosts file that they make. */
export const forgeKnownHosts = (): string =>
  Object.entries(forgeKeys)
    .map(([host, key]) => `${host} ssh-ed25519 ${key}\n`)
    .join("");
