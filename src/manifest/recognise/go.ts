import { dockerfileOf, exec, type Language, procfileWeb } from "./language.js";

const port = 8080;

/** A module with its program in the same directory. */
export const go: Language = {
  lookedFor: ["go.mod", "go.sum", "main.go", "Procfile"],
  async recognise(candidate) {
    const { has, text, command } = candidate;
    if (!has.has("go.mod")) return undefined;
    if (!has.has("main.go") && command === undefined) return "there is no main.go beside go.mod";
    const version = /^go[ \t]+(1\.\d{1,3})/m.exec((await text("go.mod")) ?? "")?.[1] ?? "1.23";
    const start = candidate.start ?? (await procfileWeb(candidate)) ?? ["/bin/app"];
    return {
      language: "Go",
      port,
      dockerfile: dockerfileOf([
        `FROM golang:${version}`,
        "WORKDIR /src",
        `COPY go.mod${has.has("go.sum") ? " go.sum" : ""} ./`,
        "RUN --mount=type=cache,target=/go/pkg/mod go mod download",
        "COPY . .",
        `RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build ${command ?? "go build -o /bin/app ."}`,
        `ENV PORT=${port}`,
        `EXPOSE ${port}`,
        `CMD ${exec(start)}`,
      ]),
    };
  },
};
