"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const charts = [];
  const color = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();

  // Formats numbers with about four digits.
  const figure = (v) => {
    const size = Math.abs(v);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return v.toExponential(1);
    return String(Number(v.toPrecision(4)));
  };

  // Draws stages as bands behind the curves, with their names if they fit.
  const stageBands = {
    id: "stageBands",
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: area, scales: { x } } = chart;
      ctx.save();
      ctx.beginPath();
      ctx.rect(area.left, area.top, area.width, area.height);
      ctx.clip();
      ctx.font = "12px " + Chart.defaults.font.family;
      const names = [];
      data.stages.forEach((stage, i) => {
        const left = x.getPixelForValue(stage.start), right = x.getPixelForValue(stage.end);
        if (i % 2 === 1) {
          ctx.fillStyle = color("band");
          ctx.fillRect(left, area.top, right - left, area.height);
        }
        if (i > 0) {
          ctx.strokeStyle = color("soft");
          ctx.lineWidth = 1;
          ctx.setLineDash([2, 3]);
          ctx.beginPath();
          ctx.moveTo(left, area.top);
          ctx.lineTo(left, area.bottom);
          ctx.stroke();
        }
        if (data.stages.length > 1 && ctx.measureText(stage.name).width + 12 < right - left) {
          names.push([stage.name, left + 2]);
        }
      });
      ctx.restore();
      // Above the plot, where no curve crosses the names.
      ctx.save();
      ctx.font = "12px " + Chart.defaults.font.family;
      ctx.fillStyle = color("soft");
      names.forEach(([name, left]) => ctx.fillText(name, left, area.top - 6));
      ctx.restore();
    },
  };

  // A log axis labels 1, 2 and 5 of each decade, and 3, 4 and 7 too if it spans less than about 1.5 decades.
  function logTick(value, index, ticks) {
    const lead = Math.round(value / Math.pow(10, Math.floor(Math.log10(value) + 1e-9)) * 10) / 10;
    const short = ticks[ticks.length - 1].value / ticks[0].value < 30;
    return [1, 2, 5].includes(lead) || (short && [3, 4, 7].includes(lead)) ? figure(value) : "";
  }

  function yAxis(type, title, values) {
    const ticks = { maxTicksLimit: 8, callback: (v) => figure(v) };
    const axis = { type, title: { display: Boolean(title), text: title }, ticks, grid: {} };
    if (type === "logarithmic") {
      // Chart.js would choose whole decades as limits, which flattens a curve that spans half a decade.
      const round = (v, to) => {
        const unit = Math.pow(10, Math.floor(Math.log10(v)));
        return to(v / unit) * unit;
      };
      axis.min = round(Math.min(...values) * 0.97, Math.floor);
      axis.max = round(Math.max(...values), Math.ceil);
      ticks.maxTicksLimit = 40;
      ticks.autoSkip = false;
      ticks.callback = logTick;
    }
    return axis;
  }

  function paint(chart) {
    for (const axis of Object.values(chart.options.scales)) {
      axis.ticks.color = axis.title.color = color("soft");
      axis.grid.color = axis.grid.borderColor = color("grid");
    }
    chart.options.plugins.legend.labels.color = color("ink");
    for (const set of chart.data.datasets) {
      set.borderColor = color(set.ink);
      set.backgroundColor = set.pointBackgroundColor = set.veil ? color(set.ink) + "26" : color(set.ink);
    }
  }

  const overImages = { end: data.kimg, title: "kimg (thousands of images)", unit: " kimg" };
  const overSeconds = { end: data.seconds, title: "seconds of training", unit: " s" };

  // curves: [{name, points: [[x, value], ...], ink, dash}]; over: what x is
  function draw(id, curves, title, type, over = overImages) {
    const canvas = document.getElementById(id);
    if (!canvas) return null;
    const datasets = curves.map((curve, i) => ({
      label: curve.name,
      data: curve.points.map(([x, y]) => ({ x, y })),
      ink: curve.ink || "c" + (i % 6 + 1),
      borderWidth: curve.dash ? 1.5 : 2,
      borderDash: curve.dash || [],
      pointRadius: curve.points.length < 60 && !curve.dash ? 2 : 0,
      pointHitRadius: 6,
      tension: 0,
    }));
    if (id === "distance" && data.best !== undefined) {
      datasets[0].pointRadius = (context) =>
        context.raw && Math.abs(context.raw.x - data.best) < 1e-6 ? 6 : curves[0].points.length < 60 ? 2 : 0;
    }
    // Curves of runs that start from other networks begin late.
    const first = Math.min(...curves.filter((curve) => !curve.dash).flatMap((curve) => curve.points.map(([x]) => x)));
    const chart = new Chart(canvas, {
      type: "line",
      data: { datasets },
      plugins: [stageBands],
      options: {
        animation: false,
        maintainAspectRatio: false,
        layout: { padding: { top: data.stages.length > 1 ? 18 : 2 } },
        interaction: { mode: "nearest", axis: "x", intersect: false },
        scales: {
          x: {
            type: "linear", min: over.end && first > over.end / 2 ? first : 0, max: over.end || undefined, grid: {},
            title: { display: true, text: over.title },
            ticks: { maxTicksLimit: 9, maxRotation: 0, callback: (v) => (v >= 10 ? String(Math.round(v)) : figure(v)) },
          },
          y: yAxis(type || "linear", title),
        },
        plugins: {
          legend: { display: datasets.length > 1, position: "bottom", labels: { boxWidth: 18, boxHeight: 1, padding: 12 } },
          tooltip: {
            callbacks: {
              title: (items) => (items.length ? figure(items[0].parsed.x) + over.unit : ""),
              label: (item) => item.dataset.label + ": " + figure(item.parsed.y),
            },
          },
        },
      },
    });
    paint(chart);
    chart.update("none");
    charts.push(chart);
    return chart;
  }

  // The usual names, in the order that also determines their colors. Other names follow.
  const order = ["main", "guidance", "reg", "real", "fake", "teacher_fake"];
  const rank = (name) => {
    const at = order.indexOf(name.replace(/^[gd]_/, ""));
    return at < 0 ? order.length : at;
  };

  function group(curves, prefix) {
    return Object.keys(curves)
      .sort((a, b) => rank(a) - rank(b))
      .filter((name) => (prefix ? name.startsWith(prefix) : !/^[gd]_/.test(name)))
      .map((name) => ({ name: name.slice(prefix.length).replace(/_/g, " "), points: curves[name] }));
  }

  function drawDistance() {
    if (!data.distance.length) return;
    const curves = [{ name: data.metric, points: data.distance }];
    if (data.teacher !== undefined) {
      curves.push({ name: "teacher", points: [[0, data.teacher], [data.kimg, data.teacher]], ink: "c2", dash: [6, 4] });
    }
    group(data.measures || {}, "fd_").forEach((curve, i) => curves.push({ ...curve, ink: "c" + (i + 3), dash: [2, 2] }));
    offerScales([draw("distance", curves, data.metric, "linear")], curves.flatMap((curve) => curve.points.map(([, y]) => y)));
  }

  // Connects the buttons that choose the scale of charts, given their values.
  function offerScales(charts, values) {
    const least = Math.min(...values);
    const buttons = document.querySelectorAll("[data-scale]");
    const choose = (type) => {
      buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.scale === type)));
      charts.forEach((chart) => {
        chart.options.scales.y = yAxis(type, data.metric, values);
        paint(chart);
        chart.update("none");
      });
    };
    if (least <= 0) buttons.forEach((b) => { b.disabled = b.dataset.scale !== "linear"; });
    // Only a log scale shows the end of a curve that falls by a large factor.
    choose(least > 0 && Math.max(...values) / least > 5 ? "logarithmic" : "linear");
    buttons.forEach((b) => b.addEventListener("click", () => choose(b.dataset.scale)));
  }

  // Draws the arms of a study: their means, and bands from the lowest to the highest seed.
  function drawArms(id, arms, over) {
    const curves = arms.map((arm, i) => ({ name: arm.name, points: arm.points, ink: "c" + (i % 6 + 1), dash: i >= 6 ? [2, 2] : null }));
    if (data.teacher !== undefined) {
      curves.push({ name: "teacher", points: [[0, data.teacher], [over.end, data.teacher]], ink: "soft", dash: [6, 4] });
    }
    const chart = draw(id, curves, data.metric, "linear", over);
    const band = (arm, at, fill) => ({
      label: "", data: arm.points.map((p) => ({ x: p[0], y: p[at] })), ink: "c" + (arms.indexOf(arm) % 6 + 1),
      borderWidth: 0, pointRadius: 0, pointHitRadius: 0, fill, veil: true,
    });
    arms.forEach((arm) => {
      if (arm.points.every((p) => p[2] === p[3])) return;
      chart.data.datasets.push(band(arm, 2, false), band(arm, 3, "-1"));
    });
    const shown = (item) => !chart.data.datasets[item.datasetIndex].veil;
    chart.options.plugins.legend.labels.filter = shown;
    chart.options.plugins.tooltip.filter = shown;
    chart.options.plugins.legend.display = true;
    return chart;
  }

  function drawStudy() {
    if (!data.arms || !data.arms.length) return;
    const drawn = [drawArms("arms", data.arms, overImages)];
    if (data.arms_seconds.length) drawn.push(drawArms("arms-seconds", data.arms_seconds, overSeconds));
    offerScales(drawn, data.arms.flatMap((arm) => arm.points.flatMap((p) => [p[2], p[3]])).concat(data.teacher === undefined ? [] : [data.teacher]));
  }

  const scoreNames = { real: "on real images", fake: "on generated images", teacher_fake: "the teacher’s, on generated images" };

  function drawAll() {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    drawDistance();
    drawStudy();
    draw("psnr", ["cycle", "paired"].flatMap((kind) => group(data.measures || {}, kind + "_psnr_").map((curve) =>
      ({ name: (kind === "cycle" ? "back to " : "") + curve.name, points: curve.points }))));
    draw("losses-g", group(data.losses, "g_"));
    draw("losses-d", group(data.losses, "d_"));
    draw("losses", group(data.losses, ""));
    draw("scores", group(data.scores, "").concat(group(data.scores, "g_"), group(data.scores, "d_")).map((curve) =>
      ({ name: scoreNames[curve.name.replace(/ /g, "_")] || curve.name, points: curve.points })));
    draw("speed", [{ name: "images/s", points: data.speed }]);
  }

  function repaint() {
    charts.forEach((chart) => { paint(chart); chart.resize(); chart.update("none"); });
  }

  // Connects the slider through the sample grids.
  function startStrip() {
    const strip = document.getElementById("strip");
    if (!strip) return;
    const frames = [...strip.querySelectorAll(".frames img")];
    const time = document.getElementById("time"), when = document.getElementById("when");
    const play = document.getElementById("play");
    let timer = null;
    const show = (i) => {
      frames.forEach((frame, k) => { frame.hidden = k !== i; });
      when.textContent = frames[i].dataset.kimg + " kimg";
      time.setAttribute("aria-valuetext", when.textContent);
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "Play";
    };
    time.addEventListener("input", () => { stop(); show(Number(time.value)); });
    play.addEventListener("click", () => {
      if (timer) return stop();
      let i = Number(time.value) === frames.length - 1 ? 0 : Number(time.value);
      play.textContent = "Stop";
      timer = setInterval(() => {
        time.value = String(i);
        show(i);
        if (++i === frames.length) stop();
      }, 350);
    });
    window.addEventListener("beforeprint", () => { stop(); time.value = String(frames.length - 1); show(frames.length - 1); });
    time.value = String(frames.length - 1);
    show(frames.length - 1);
    strip.querySelector(".controls").hidden = false;
  }

  drawAll();
  startStrip();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  window.addEventListener("beforeprint", () => {
    root.dataset.print = "";
    document.querySelectorAll("details").forEach((details) => { details.open = true; });
    repaint();
  });
  window.addEventListener("afterprint", () => { delete root.dataset.print; repaint(); });
  root.dataset.charts = String(charts.length);
})();
