// Puts the bundle and a JavaScript engine into a component. The packages that it speaks are those of /wit; they are laid
// out beside the world as the tools expect it.
import { componentize } from "@bytecodealliance/componentize-js";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";

const wit = "../../../wit";
rmSync("build/wit", { recursive: true, force: true });
mkdirSync("build/wit/deps", { recursive: true });
cpSync("wit/world.wit", "build/wit/world.wit");
cpSync("../../guests/hello-js/wit/deps/http", "build/wit/deps/http", { recursive: true });
for (const name of ["wasi-keyvalue-0.2.0-draft2", "wasi-config-0.2.0-rc.1", "shop-catalog-1.0.0"]) {
  cpSync(`${wit}/${name}`, `build/wit/deps/${name}`, { recursive: true });
}

const { component } = await componentize({ sourcePath: "build/catalog.js", witPath: "build/wit", worldName: "catalog" });
writeFileSync("catalog.wasm", component);
