import { dockerfileOf, type Language } from "./language.js";

/** A page in the root, and nothing that would have to be run first. */
export const staticFiles: Language = {
  lookedFor: ["index.html"],
  async recognise({ has, start, command }) {
    if (!has.has("index.html") || start || command !== undefined) return undefined;
    return {
      language: "static files",
      port: 80,
      dockerfile: dockerfileOf([
        "FROM nginx:alpine",
        "COPY . /usr/share/nginx/html",
        "# What begins with a dot is not for visitors.",
        "RUN find /usr/share/nginx/html -mindepth 1 -name '.*' -prune -exec rm -rf {} +",
        "EXPOSE 80",
      ]),
    };
  },
};
