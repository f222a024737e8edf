#pragma once

namespace qs {

class MainWindow;

/// Joins the session: noted as the person works, and offered on the start page.
void linkSession(MainWindow& window);

}  // namespace qs
