if (page.charts) draw();
