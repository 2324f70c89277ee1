// The class asks the host name `consul`, which a container network would resolve. Here it is whatever
// CONSUL_ADDRESS says: node --require ./lookup.cjs
const dns = require("node:dns");

const lookup = dns.lookup;
dns.lookup = (name, ...rest) => lookup(name === "consul" ? process.env.CONSUL_ADDRESS : name, ...rest);
