// The gateway that people write with express: a limit, a token, a path rewritten, one service behind it.
//
//   node gateway.cjs PORT SERVICE_PORT
const express = require("express");
const { createProxyMiddleware } = require("http-proxy-middleware");
const jwt = require("jsonwebtoken");
const { rateLimit } = require("express-rate-limit");

const [port, service] = process.argv.slice(2);
const app = express();

// as many as nobody asks: what is measured is counting, not refusing
app.use(rateLimit({ windowMs: 15 * 60 * 1000, limit: 1_000_000_000 }));

const authenticateToken = (request, response, next) => {
  const token = request.headers["authorization"]?.split(" ")[1];
  if (!token) return response.sendStatus(401);
  jwt.verify(token, process.env.JWT_SECRET, (error, user) => {
    if (error) return response.sendStatus(403);
    request.user = user;
    next();
  });
};

app.use(
  "/api/users",
  authenticateToken,
  createProxyMiddleware({
    target: `http://127.0.0.1:${service}/users`,
    changeOrigin: true,
    // connections are kept, or the machine runs out of ports
    agent: new (require("node:http").Agent)({ keepAlive: true }),
  }),
);

app.listen(Number(port), "127.0.0.1");
