// The users service that people write with express, with its users in memory.
//
//   node users.cjs PORT
const { randomUUID } = require("node:crypto");
const express = require("express");

const users = new Map();
const app = express();
app.use(express.json());

app.post("/users", (request, response) => {
  const now = new Date().toISOString();
  const user = { id: randomUUID(), ...request.body, currency: "EUR", created_at: now, updated_at: now };
  users.set(user.id, user);
  response.status(201).json(user);
});

app.get("/users/:id", (request, response) => {
  const user = users.get(request.params.id);
  if (user) response.json(user);
  else response.status(404).json({ error: "User not found" });
});

app.listen(Number(process.argv[2]), "127.0.0.1");
