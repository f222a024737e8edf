#pragma once

namespace qs {

class MainWindow;

/// Joins the prompt panel with the finished runs and with what continues it.
void linkPrompt(MainWindow& window);

}  // namespace qs
