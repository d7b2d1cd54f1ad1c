import { createServer } from "node:http";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
pool.on("error", (error) => console.error("database:", error.message));

async function visits() {
  await pool.query("create table if not exists visits (id serial primary key, at timestamptz default now())");
  await pool.query("insert into visits default values");
  const { rows } = await pool.query("select count(*)::int as visits from visits");
  return rows[0];
}

const server = createServer(async (request, response) => {
  response.setHeader("content-type", "application/json");
  try {
    if (request.url === "/api/health") {
      await pool.query("select 1");
      response.end('{"ok":true}');
    } else if (request.url === "/api/visits" && request.method === "POST") {
      response.end(JSON.stringify(await visits()));
    } else {
      response.statusCode = 404;
      response.end('{"error":"not found"}');
    }
  } catch (error) {
    response.statusCode = 503;
    response.end(JSON.stringify({ error: error.message }));
  }
});
server.listen(3000, () => console.log("shop api on port 3000"));
process.on("SIGTERM", () => server.close(() => pool.end().then(() => process.exit(0))));
