// The calculator of pays.md: the arithmetic of `automix pays`, held equal to it by tests/cli/test_pays.py.
function shape(s) {
  const large = s.context + s.question + s.output_ratio * s.answer;
  const prompt = s.fixed + s.context + s.question + s.answer;
  const written = s.verdicts * s.output_ratio * s.reply;
  const checking = {
    none: 0,
    token: prompt + s.output_ratio,
    one: prompt + written,
    separate: (1 + (s.verdicts - 1) * s.cached) * prompt + written,
  }[s.checks] / s.ratio;
  const least_kept = (large / s.ratio + checking) / large;
  return {
    draft: 1 / s.ratio,
    checking: checking / large,
    share: least_kept + 1 - s.kept,
    least_kept: least_kept,
    least_ratio: s.kept > 0 ? (s.ratio * least_kept) / s.kept : null,
  };
}

function problem(s) {
  for (const [name, value] of Object.entries(s)) {
    if (name !== "checks" && !Number.isFinite(value)) return `${name} must be a number.`;
  }
  for (const name of ["context", "question", "fixed"]) if (s[name] < 0) return `${name} must be 0 or more.`;
  for (const name of ["answer", "reply", "ratio", "output_ratio"]) if (s[name] <= 0) return `${name} must be above 0.`;
  for (const name of ["kept", "cached"]) if (s[name] < 0 || s[name] > 1) return `${name} must be from 0 to 1.`;
  return s.verdicts < 1 ? "verdicts must be 1 or more." : "";
}

function words(s) {
  const wrong = problem(s);
  if (wrong) return wrong;
  const f = shape(s);
  const percent = (x) => `${Math.round(100 * x)} %`;
  const first = f.share < 1 ? "It pays" : "It does not pay";
  const even = f.least_kept > 1
    ? "At this price ratio no share of kept drafts makes up for the checks."
    : `It breaks even when ${percent(f.least_kept)} of the drafts are kept.`;
  return `${first}: the cascade costs ${percent(f.share)} of the large model alone. ${even}`;
}

if (typeof document === "undefined") {
  module.exports = { shape, problem, words };
} else {
  const form = document.getElementById("pays");
  const show = () => {
    const s = {};
    for (const field of form.elements) if (field.name) s[field.name] = field.name === "checks" ? field.value : Number(field.value || NaN);
    document.getElementById("pays-says").textContent = words(s);
  };
  if (form) {
    form.addEventListener("input", show);
    show();
  }
}
