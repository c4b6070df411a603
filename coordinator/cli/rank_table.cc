#include "coordinator/cli/rank_table.h"

#include "absl/strings/str_cat.h"
#include "coordinator/cli/text_table.h"

namespace strata {

std::string RankTable(const std::vector<RankSeat>& by_rank, const Terminal& terminal) {
  TextTable table(
      {{"rank", true}, {"host"}, {"device", false, /*shrinks=*/true}, {"cpus"}, {"threads", true}});
  for (size_t rank = 0; rank < by_rank.size(); ++rank) {
    const RankSeat& seat = by_rank[rank];
    const std::string device =
        seat.device_name.empty() ? seat.device : absl::StrCat(seat.device, " ", seat.device_name);
    table.AddRow(
        {{absl::StrCat(rank)}, {seat.host}, {device}, {seat.cpus}, {absl::StrCat(seat.threads)}});
  }
  return table.Render(terminal);
}

Json RanksJson(const std::vector<RankSeat>& by_rank) {
  Json ranks = Json::array();
  for (const RankSeat& seat : by_rank) {
    ranks.push_back({{"host", seat.host},
                     {"device", seat.device},
                     {"device_name", seat.device_name},
                     {"cpus", seat.cpus},
                     {"threads", seat.threads}});
  }
  return ranks;
}

}  // namespace strata
