import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef, useState } from "react";
import type { DeploymentModel, LogPlace } from "../model/deployment-model.js";
import { counted, formatCount } from "../model/format.js";
import { plainText } from "../model/log-line.js";
import { useKeys } from "../ui/keys.js";
import { LogRow } from "./log-row.js";
import { useLogSearch } from "./use-log-search.js";

interface LogPanelProps {
  readonly model: DeploymentModel;
  readonly place: LogPlace;
  readonly title: string;
  /** Lines may still come. */
  readonly live: boolean;
  /** All lines of the deployment. */
  readonly onAll: () => void;
}

/** As in deployment.css. */
const rowHeight = 17;
/** Browsers cannot draw anything that is much higher than this many rows. */
const mostShown = 1_000_000;
/** Pixels from the end at which one is at the end. */
const nearEnd = 24;

/** What builds have printed, of which only the lines that can be seen are in the page. */
export function LogPanel({ model, place, title, live, onAll }: LogPanelProps) {
  const lines = model.lines(place);
  const first = Math.max(0, lines.length - mostShown);
  const shown = lines.length - first;
  const box = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [follow, setFollow] = useState(true);
  const [wrap, setWrap] = useState(false);
  const [current, setCurrent] = useState<number>();
  const search = useLogSearch(model.logs, lines, `${place.service ?? ""} ${place.step ?? ""}`);
  const scrolled = useRef(0);

  const rows = useVirtualizer({
    count: shown,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was measured with the other setting is of no use
  useEffect(() => rows.measure(), [wrap, place.service, place.step]);
  useEffect(() => {
    if (follow && shown > 0) rows.scrollToIndex(shown - 1, { align: "end" });
  }, [follow, shown, rows]);

  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current ?? {
      scrollTop: 0,
      scrollHeight: 0,
      clientHeight: 0,
    };
    const atEnd = scrollTop + clientHeight >= scrollHeight - nearEnd;
    // Only a person scrolls up.
    if (follow && !atEnd && scrollTop < scrolled.current - 1) setFollow(false);
    scrolled.current = scrollTop;
  };
  const show = useCallback(
    (line: number) => {
      setFollow(false);
      setCurrent(line);
      rows.scrollToIndex(Math.max(0, line - first), { align: "center" });
    },
    [rows, first],
  );
  const step = (by: 1 | -1) => {
    const found = search.next(current ?? (by === 1 ? -1 : lines.length), by);
    if (found !== undefined) show(found);
  };
  const back = () => step(-1);
  useKeys({
    "/": () => input.current?.focus(),
    f: () => setFollow(!follow),
    w: () => setWrap(!wrap),
    n: () => step(1),
    N: back,
  });
  const save = () => {
    const text: string[] = [];
    for (let index = 0; index < lines.length; index += 1)
      text.push(plainText(model.logs.text(lines.at(index))), "\n");
    const url = URL.createObjectURL(new Blob(text, { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${title.replace(/[^\w.-]+/g, "-").slice(0, 60)}.log`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  const gap = model.logs.dropped + first;
  return (
    <section className="log" aria-label="Log">
      <header>
        <h2 title={title}>{title}</h2>
        <span className="quiet count">{counted(lines.length, "line")}</span>
        <div className="tools">
          {(place.service !== undefined || place.step !== undefined) && (
            <button type="button" className="plain" onClick={onAll}>
              all
            </button>
          )}
          <input
            ref={input}
            type="search"
            placeholder="search  /"
            aria-label="Search the log"
            value={search.text}
            onChange={(event) => {
              setCurrent(undefined);
              search.setText(event.target.value);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
              if (event.key === "Escape") {
                search.setText("");
                box.current?.focus();
              }
            }}
          />
          <span className="found" role="status">
            {search.text === "" ? "" : `${search.looking ? "…" : ""}${formatCount(search.found)}`}
          </span>
          <button type="button" className="plain" aria-pressed={follow} onClick={() => setFollow(!follow)}>
            follow
          </button>
          <button type="button" className="plain" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
            wrap
          </button>
          <button type="button" className="plain" title="Save the lines as text" onClick={save}>
            raw
          </button>
        </div>
      </header>
      {gap > 0 && <p className="note">{counted(gap, "line")} more than can be shown here.</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <div ref={box} className={wrap ? "lines wrap" : "lines"} tabIndex={0} onScroll={onScroll}>
        {shown === 0 ? (
          <p className="quiet none">{live ? "Nothing was printed yet." : "Nothing was printed."}</p>
        ) : (
          <div className="all" style={{ height: rows.getTotalSize() }}>
            {rows.getVirtualItems().map((row) => {
              const index = row.index + first;
              return (
                <div
                  key={row.key}
                  ref={wrap ? rows.measureElement : undefined}
                  data-index={row.index}
                  className={index === current ? "line current" : "line"}
                  style={{ transform: `translateY(${row.start}px)` }}
                >
                  <LogRow
                    model={model}
                    place={place}
                    number={lines.at(index)}
                    index={index}
                    search={search.text}
                  />
                </div>
              );
            })}
          </div>
        )}
      </div>
    </section>
  );
}
