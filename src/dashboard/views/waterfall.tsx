import { Fragment, useRef, useState } from "react";
import type { Deployment } from "../api/answers.js";
import { type Axis, timeAxis, wholeLength } from "../model/axis.js";
import type { DeploymentModel, LogPlace } from "../model/deployment-model.js";
import { formatDuration, formatRef, formatRunning } from "../model/format.js";
import { serviceState, serviceSummary, sourceTimes } from "../model/overview.js";
import type { ServiceModel } from "../model/service-model.js";
import { serviceBars, stepRows } from "../model/waterfall.js";
import { State } from "../ui/mark.js";
import { lookOf } from "../ui/states.js";
import { StepLine } from "./step-line.js";
import { Track } from "./track.js";

interface WaterfallProps {
  readonly model: DeploymentModel;
  readonly deployment: Deployment;
  /** In the clock of the events. */
  readonly now: number;
  readonly place: LogPlace;
  readonly onPlace: (place: LogPlace) => void;
}

/** Rows that a page can bear; builds have some dozens. */
const mostRows = 1500;

/** The whole deployment on one time axis: the source, each service, and within it the steps of its build. */
export function Waterfall({ model, deployment, now, place, onPlace }: WaterfallProps) {
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map());
  // Decided when a service's first step is seen, so that no row moves away under somebody's eyes later.
  const opened = useRef(new Map<string, boolean>());
  const { services, startedAt } = model;
  if (startedAt === undefined) return null;
  const live = !deployment.final;
  const end = Math.max(model.lastAt ?? startedAt, live ? now : 0);
  // While it grows, the axis keeps still for a while and then makes room at once.
  const axis = timeAxis(startedAt, live ? startedAt + wholeLength(end - startedAt) : end);
  const at = live ? now : end;
  const built = services.filter(hasSteps).length;
  const isOpen = (service: ServiceModel): boolean => {
    const { name, build } = service;
    if (hasSteps(service) && !opened.current.has(name))
      opened.current.set(name, built === 1 || build?.end === undefined);
    return toggled.get(name) ?? (opened.current.get(name) || build?.end?.outcome === "failed");
  };
  const source = sourceTimes(model);
  let room = mostRows;
  return (
    <section className="waterfall" aria-label="Progress">
      <div className="axis" aria-hidden="true">
        <span className="ticks">
          {axis.ticks.map(({ place, label }) => (
            <span key={label} style={{ left: `${place * 100}%` }}>
              {label}
            </span>
          ))}
        </span>
      </div>
      {source && (
        <div className="row service">
          <span className="name">source</span>
          <span className="what" title={model.notes.at(-1)}>
            {model.source ? `${formatRef(model.source.ref)} fetched` : (model.notes.at(-1) ?? "fetching")}
          </span>
          <span className="state-cell">
            <State look={lookOf(source.to === undefined ? (live ? "preparing" : "cancelled") : "done")} />
          </span>
          <span className="took">{took(source.from, source.to, at, live)}</span>
          <Track
            axis={axis}
            bars={[
              {
                from: axis.place(source.from),
                to: axis.place(source.to ?? at),
                state: source.to === undefined && live ? "running" : "done",
              },
            ]}
          />
        </div>
      )}
      {services.map((service) => {
        const open = isOpen(service);
        const rows = open ? stepRows(service, axis, at).slice(0, room) : [];
        room -= rows.length;
        return (
          <Fragment key={service.name}>
            <ServiceLine
              service={service}
              model={model}
              axis={axis}
              now={at}
              open={open}
              chosen={place.service === service.name && place.step === undefined}
              onOpen={() => {
                setToggled(new Map(toggled).set(service.name, !(open && place.service === service.name)));
                onPlace({ service: service.name });
              }}
            />
            {rows.map((row) => (
              <StepLine
                key={row.id}
                row={row}
                axis={axis}
                chosen={place.service === service.name && place.step === row.id}
                onOpen={() => onPlace({ service: service.name, step: row.id })}
              />
            ))}
          </Fragment>
        );
      })}
    </section>
  );
}

const hasSteps = ({ build, hooks }: ServiceModel): boolean => (build?.steps.length ?? 0) + hooks.length > 0;

interface ServiceLineProps {
  readonly service: ServiceModel;
  readonly model: DeploymentModel;
  readonly axis: Axis;
  readonly now: number;
  readonly open: boolean;
  readonly chosen: boolean;
  readonly onOpen: () => void;
}

function ServiceLine({ service, model, axis, now, open, chosen, onOpen }: ServiceLineProps) {
  const { build, name } = service;
  const expandable = hasSteps(service);
  const summary = serviceSummary(service);
  return (
    <button
      type="button"
      data-row=""
      className={chosen ? "row service chosen" : "row service"}
      aria-expanded={expandable ? open : undefined}
      onClick={onOpen}
    >
      <span className="name">
        <i className={expandable ? (open ? "fold open" : "fold") : "fold none"} aria-hidden="true" />
        <b title={name}>{name}</b>
      </span>
      <span className="what" title={summary}>
        {summary}
      </span>
      <span className="state-cell">
        <State look={lookOf(serviceState(service, model))} />
      </span>
      <span className="took">
        {build?.startedAt === undefined
          ? ""
          : build.end
            ? formatDuration(build.end.duration)
            : formatRunning(now - build.startedAt)}
      </span>
      <Track axis={axis} bars={serviceBars(service, axis, now)} />
    </button>
  );
}

function took(from: number, to: number | undefined, now: number, live: boolean): string {
  if (to === undefined) return live ? formatRunning(now - from) : "";
  return formatDuration(to - from);
}
