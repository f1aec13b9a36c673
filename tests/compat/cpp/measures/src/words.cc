#include "words.h"

#include <sstream>

namespace netease::grps {

void WordInferer::Infer(const ::grps::protos::v1::GrpsMessage &input,
                        ::grps::protos::v1::GrpsMessage &output, GrpsContext &ctx) {
  std::istringstream text(input.str_data());
  std::string word, joined;
  while (text >> word) {
    if (word == "stop") throw InfererException("the text says stop");
    if (!ctx.IfStreaming()) {
      joined += (joined.empty() ? "" : "|") + word;
      continue;
    }
    if (ctx.IfDisconnected()) return;
    ::grps::protos::v1::GrpsMessage piece;
    piece.set_str_data(word);
    ctx.StreamingRespond(piece);
  }
  output.set_str_data(joined);
}

}  // namespace netease::grps
