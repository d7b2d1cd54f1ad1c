import type { Deployment } from "../api/answers.js";
import type { DeploymentModel, LogPlace } from "../model/deployment-model.js";
import { type Failure, readFailure } from "../model/failure.js";
import { formatDuration } from "../model/format.js";
import { plainText } from "../model/log-line.js";
import { Copy } from "../ui/copy.js";
import { Mark } from "../ui/mark.js";
import { lookOf } from "../ui/states.js";
import { Told } from "../ui/told.js";

/** The step that failed first, for its log. */
export function failedPlace(model: DeploymentModel): LogPlace | undefined {
  for (const { name, build } of model.services) {
    const step = build?.end?.error?.step;
    if (build?.end?.outcome === "failed") return step ? { service: name, step } : { service: name };
  }
  return undefined;
}

interface FailuresProps {
  readonly deployment: Deployment;
  readonly model: DeploymentModel;
  readonly onPlace: (place: LogPlace) => void;
}

/** Why the deployment failed, before anything else: what to do, the guilty lines, the last output. */
export function Failures({ deployment, model, onPlace }: FailuresProps) {
  const builds = model.services.flatMap((service) => {
    const error = service.build?.end?.outcome === "failed" ? service.build.end.error : null;
    return error ? [{ service, error }] : [];
  });
  const own = readFailure(deployment.error);
  // A failed build is the deployment's failure, too: once is enough.
  const whole = own && builds.every(({ error }) => error.message !== own.message) ? own : null;
  const alone = builds.length > 0 && whole !== null && own?.step !== null;
  return (
    <>
      {builds.map(({ service, error }) => {
        const step = error.step === null ? undefined : service.build?.step(error.step);
        return (
          <FailureBox
            key={service.name}
            failure={error}
            title={`${service.name} could not be built: ${error.message}`}
            after={step?.ended === undefined ? null : step.durationAt(step.ended)}
            onLog={
              step
                ? () => onPlace({ service: service.name, step: step.id })
                : () => onPlace({ service: service.name })
            }
          />
        );
      })}
      {whole && !alone && deployment.state !== "superseded" && (
        <FailureBox failure={whole} title={whole.message} after={null} />
      )}
    </>
  );
}

interface BoxProps {
  readonly failure: Failure;
  readonly title: string;
  /** Milliseconds that the step ran. */
  readonly after: number | null;
  readonly onLog?: () => void;
}

const tailLines = 20;

function FailureBox({ failure, title, after, onLog }: BoxProps) {
  const { hint, dockerfile, logTail, code } = failure;
  const failedLine = dockerfile?.excerpt.find(({ failed }) => failed)?.line;
  const tail = logTail.slice(-tailLines).map(plainText);
  return (
    <section className="failure" aria-label="What failed">
      <h2>
        <Mark look={lookOf("failed")} />
        <span>
          <Told text={title} />
        </span>
      </h2>
      {hint !== null && (
        <p className="hint">
          <b>What to do:</b> <Told text={hint} />
        </p>
      )}
      <div className="figures">
        {dockerfile && dockerfile.excerpt.length > 0 && (
          <figure>
            <figcaption>
              {dockerfile.name}
              {failedLine === undefined ? "" : `:${failedLine}`}
            </figcaption>
            <pre className="excerpt">
              {dockerfile.excerpt.map(({ line, text, failed }) => (
                <span key={line} className={failed ? "guilty" : undefined}>
                  <i>{line}</i>
                  <code>{text || " "}</code>
                  {failed && line === lastFailed(dockerfile.excerpt) && (
                    <em>← failed{after === null ? "" : ` after ${formatDuration(after)}`}</em>
                  )}
                </span>
              ))}
            </pre>
          </figure>
        )}
        {tail.length > 0 && (
          <figure>
            <figcaption>
              The last it printed
              <Copy text={tail.join("\n")} what="the last lines" />
              {onLog && (
                <button type="button" className="plain" onClick={onLog}>
                  whole log
                </button>
              )}
            </figcaption>
            <pre className="tail">{tail.join("\n")}</pre>
          </figure>
        )}
      </div>
      <p className="quiet code">{code}</p>
    </section>
  );
}

const lastFailed = (excerpt: readonly { line: number; failed: boolean }[]) =>
  excerpt.findLast(({ failed }) => failed)?.line;
