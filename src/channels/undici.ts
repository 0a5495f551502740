// Named here because a dynamic import of a CommonJS package, once bundled, has nothing but a default.
export { Agent, buildConnector, Pool } from "undici";
