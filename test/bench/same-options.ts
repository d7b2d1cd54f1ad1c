// What both tools are told, so that they do the same work: attestations are made by one default and not by another.
export const plainBuild = ["build", "--provenance=false", "--progress", "plain"] as const;
export const rawBuild = ["build", "--provenance=false", "--progress", "rawjson"] as const;
