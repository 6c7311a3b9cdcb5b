// Begins a session: what was typed goes in a body, never into an address.
const error = document.getElementById("error");

function next() {
  const wanted = new URLSearchParams(location.search).get("next") || "/studio/";
  return wanted.startsWith("/studio/") && !wanted.startsWith("/studio/sign-in") ? wanted : "/studio/";
}

async function signIn(body) {
  error.textContent = "";
  try {
    const answer = await fetch("/api/session", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (answer.ok) {
      location.replace(next());
      return;
    }
    const found = await answer.json();
    error.textContent = found.error ? found.error.message : `The server answered ${answer.status}`;
  } catch {
    error.textContent = "The server does not answer. Is it running?";
  }
}

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(Object.fromEntries(new FormData(form)));
  });
}

// `assay studio` opens the browser with its token behind the '#', which no browser sends and which is removed at once
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  history.replaceState(null, "", location.pathname + location.search);
  signIn({ token: given });
}
