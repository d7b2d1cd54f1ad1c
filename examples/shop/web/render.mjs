// Renders the product list into the page: a build step with something to show.
import { cpSync, readFileSync, writeFileSync } from "node:fs";

const products = JSON.parse(readFileSync("products.json", "utf8"));
cpSync("site", "out", { recursive: true });
const rows = products.map(({ name, price }) => `<li><span>${name}</span><b>${price}</b></li>`).join("\n");
writeFileSync("out/index.html", readFileSync("site/index.html", "utf8").replace("<!-- products -->", rows));
console.log(`rendered ${products.length} products`);
