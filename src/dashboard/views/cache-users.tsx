import { deploymentOf } from "../model/caches.js";
import { Link } from "../ui/router.js";

/** The last builds that used something that is kept, each as a way to its deployment. */
export function CacheUsers({ builds }: { builds: readonly string[] }) {
  if (builds.length === 0) return null;
  return (
    <p className="users">
      <span className="quiet">used by</span>
      {builds.map((build) => {
        const { deployment, service } = deploymentOf(build);
        return (
          <Link key={build} to={`/deployments/${deployment}`}>
            {service} of {deployment}
          </Link>
        );
      })}
    </p>
  );
}
