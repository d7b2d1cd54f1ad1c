import { type Candidate, dockerfileOf, exec, type Language, procfileWeb } from "./language.js";

const port = 8000;

/** Python with a list of what it needs, and a start that is told or one of Django's, FastAPI's and Flask's usual ones. */
export const python: Language = {
  lookedFor: [
    "requirements.txt",
    "pyproject.toml",
    "uv.lock",
    "poetry.lock",
    "Pipfile",
    "manage.py",
    "main.py",
    "app.py",
    "wsgi.py",
    ".python-version",
    "runtime.txt",
    "Procfile",
  ],
  async recognise(candidate) {
    const { has, text, command } = candidate;
    if (!has.has("requirements.txt") && !has.has("pyproject.toml")) return undefined;
    const requirements = (await text("requirements.txt")) ?? "";
    const project = (await text("pyproject.toml")) ?? "";
    const needs = `${requirements}\n${project}`.toLowerCase();
    const start = candidate.start ?? (await procfileWeb(candidate)) ?? (await startOf(candidate, needs));
    if (!start) return "nothing tells how this Python application starts";
    const version = await versionOf(candidate, project);
    const install = installOf(has, project);
    if (install === undefined)
      return "pyproject.toml names no build system, and there is no requirements.txt";
    return {
      language: "Python",
      port,
      dockerfile: dockerfileOf([
        `FROM python:${version}-slim`,
        "WORKDIR /app",
        `ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=${port}`,
        ...install,
        command && `RUN ${command}`,
        `EXPOSE ${port}`,
        `CMD ${exec(start)}`,
      ]),
    };
  },
};

const cache = "RUN --mount=type=cache,target=/root/.cache/pip";

function installOf(has: ReadonlySet<string>, project: string): readonly string[] | undefined {
  if (has.has("requirements.txt")) {
    return ["COPY requirements.txt ./", `${cache} pip install -r requirements.txt`, "COPY . ."];
  }
  if (has.has("uv.lock")) {
    return [
      "RUN pip install uv",
      "COPY . .",
      "RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev",
      "ENV PATH=/app/.venv/bin:$PATH",
    ];
  }
  if (has.has("poetry.lock")) {
    return [
      "RUN pip install poetry && poetry config virtualenvs.create false",
      "COPY . .",
      "RUN poetry install --no-interaction --only main",
    ];
  }
  return /^\[(?:build-system|project)\]/m.test(project) ? ["COPY . .", `${cache} pip install .`] : undefined;
}

async function startOf({ has, text }: Candidate, needs: string): Promise<readonly string[] | undefined> {
  const need = (name: string) => new RegExp(`(^|[\\s"'])${name}($|[\\s"'=<>~!;,[\\](])`, "m").test(needs);
  if (has.has("manage.py") && need("django")) return ["python", "manage.py", "runserver", `0.0.0.0:${port}`];
  for (const [file, module] of [
    ["main.py", "main"],
    ["app.py", "app"],
  ] as const) {
    const source = has.has(file) ? await text(file) : undefined;
    const name = /^(\w+)\s*(?::[^=\n]+)?=\s*(FastAPI|Flask)\(/m.exec(source ?? "");
    const [, variable, kind] = name ?? [];
    if (variable === undefined) continue;
    if (kind === "FastAPI" && need("fastapi")) {
      // `fastapi[standard]` brings uvicorn along.
      return [
        "python",
        "-m",
        "uvicorn",
        `${module}:${variable}`,
        "--host",
        "0.0.0.0",
        "--port",
        String(port),
      ];
    }
    if (kind === "Flask" && need("gunicorn"))
      return ["gunicorn", "--bind", `0.0.0.0:${port}`, `${module}:${variable}`];
    if (kind === "Flask" && need("flask")) {
      return ["flask", "--app", `${module}:${variable}`, "run", "--host", "0.0.0.0", "--port", String(port)];
    }
  }
  return undefined;
}

const preferred = "3.12";
const known = ["3.12", "3.13", "3.11", "3.10", "3.14", "3.9"];

async function versionOf({ text }: Candidate, project: string): Promise<string> {
  const pinned = (await text(".python-version")) ?? (await text("runtime.txt"));
  const exact = /(3\.\d{1,2})(?:\.|\s|$)/.exec(pinned ?? "")?.[1];
  if (exact !== undefined) return exact;
  const range = /^\s*(?:requires-python|python)\s*=\s*["']([^"']+)["']/m.exec(project)?.[1];
  if (range === undefined) return preferred;
  return known.find((version) => takes(range, Number(version.split(".")[1]))) ?? preferred;
}

function takes(range: string, minor: number): boolean {
  return range.split(",").every((part) => {
    const [, operator = "", named = ""] = /^\s*(>=|<=|==|~=|\^|~|>|<|!=)?\s*3(?:\.(\d+))?/.exec(part) ?? [];
    const at = Number(named === "" ? 0 : named);
    if (operator === ">=" || operator === "~=" || operator === "^") return minor >= at;
    if (operator === ">") return minor > at;
    if (operator === "<") return named === "" ? false : minor < at;
    if (operator === "<=") return minor <= at;
    if (operator === "==" || operator === "~" || operator === "") return named === "" || minor === at;
    return true;
  });
}
